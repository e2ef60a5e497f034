"""Every controller of a node, registered here and nowhere else: one list from each domain."""

from controllers.ports import Ports
from controllers.resources.kubernetes import EtcdBootstrap
from controllers.resources.machine import ConfigRequest, PowerRequest
from controllers.resources.meta import MetaUserRequest
from controllers.runtime.controller import Controller
from controllers.runtime.resource import Spec

EXTERNALS: tuple[type[Spec], ...] = (ConfigRequest, EtcdBootstrap, MetaUserRequest, PowerRequest)
"""Types that no controller makes: operations of the API do."""


def controllers(ports: Ports) -> list[Controller]:
    """Return one of each controller, ready to be registered."""
    from controllers import block, config, etcd, hardware, kubernetes, machine, network, pki, services, timesync

    domains = (config, machine, hardware, network, timesync, block, pki, services, etcd, kubernetes)
    return [controller for domain in domains for controller in domain.controllers(ports)]
