"""Every controller of a node, registered here and nowhere else: one list from each domain."""

from controllers.ports import Ports
from controllers.resources.hardware import IdentifyRequest
from controllers.resources.install import InstallRequest
from controllers.resources.kubernetes import EtcdBootstrap
from controllers.resources.lifecycle import UpgradeRequest
from controllers.resources.machine import ConfigRequest, PowerRequest
from controllers.resources.meta import MetaUserRequest
from controllers.resources.reset import ResetRequest
from controllers.runtime.controller import Controller
from controllers.runtime.resource import Spec

EXTERNALS: tuple[type[Spec], ...] = (
    ConfigRequest,
    EtcdBootstrap,
    IdentifyRequest,
    InstallRequest,
    MetaUserRequest,
    PowerRequest,
    ResetRequest,
    UpgradeRequest,
)
"""Types that operations of the API make; a controller may make one too only where it is shared."""


def controllers(ports: Ports) -> list[Controller]:
    """Return one of each controller, ready to be registered."""
    from controllers import (
        block,
        config,
        etcd,
        hardware,
        install,
        kubernetes,
        lifecycle,
        machine,
        network,
        pki,
        services,
        timesync,
    )

    domains = (config, machine, hardware, network, timesync, block, pki, services, etcd, kubernetes, install, lifecycle)
    return [controller for domain in domains for controller in domain.controllers(ports)]
