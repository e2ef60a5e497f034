"""The network: links, addresses, routes, names and servers, from layered sources into the kernel and back as status.

config (sources → layers) → merge (layers → one) → apply (wanted → kernel) → status (kernel → observed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controllers.network.netlink import Netlink
    from controllers.ports import Ports
    from controllers.runtime.controller import Controller


def controllers(ports: Ports) -> list[Controller]:
    """Return the controllers of this domain."""
    from controllers.network.netlink import KernelNetlink

    netlink = KernelNetlink()
    return [*_sources(ports), *_merges(), *_appliers(ports, netlink), *_observers(ports, netlink)]


def _sources(ports: Ports) -> list[Controller]:
    from controllers.network.address_config import AddressConfigController
    from controllers.network.hostname_config import HostnameConfigController
    from controllers.network.link_config import LinkConfigController
    from controllers.network.operator_config import OperatorConfigController
    from controllers.network.resolver_config import ResolverConfigController
    from controllers.network.route_config import RouteConfigController
    from controllers.network.timeserver_config import TimeServerConfigController
    from controllers.network.wifi_config import WifiConfigController
    from controllers.network.wifi_modules import WifiModulesController

    return [
        LinkConfigController(ports),
        AddressConfigController(ports),
        RouteConfigController(ports),
        OperatorConfigController(ports),
        HostnameConfigController(ports),
        ResolverConfigController(ports),
        TimeServerConfigController(ports),
        WifiConfigController(ports),
        WifiModulesController(ports),
    ]


def _merges() -> list[Controller]:
    from controllers.network.address_merge import AddressMergeController
    from controllers.network.hostname_merge import HostnameMergeController
    from controllers.network.link_merge import LinkMergeController
    from controllers.network.operator_merge import OperatorMergeController
    from controllers.network.resolver_merge import ResolverMergeController
    from controllers.network.route_merge import RouteMergeController
    from controllers.network.timeserver_merge import TimeServerMergeController

    return [
        LinkMergeController(),
        AddressMergeController(),
        RouteMergeController(),
        OperatorMergeController(),
        HostnameMergeController(),
        ResolverMergeController(),
        TimeServerMergeController(),
    ]


def _appliers(ports: Ports, netlink: Netlink) -> list[Controller]:
    from controllers.network.address_apply import AddressApplyController
    from controllers.network.dhcp4 import Dhcp4Client
    from controllers.network.etc_files import EtcFilesController
    from controllers.network.hostname_apply import HostnameApplyController
    from controllers.network.link_apply import LinkApplyController
    from controllers.network.operator_apply import OperatorApplyController
    from controllers.network.route_apply import RouteApplyController
    from controllers.network.wifi_service import WifiServiceController

    leases = ports.paths.run / "dhcp4"
    return [
        LinkApplyController(netlink),
        AddressApplyController(netlink),
        RouteApplyController(netlink),
        OperatorApplyController(lambda link, changed: Dhcp4Client(link, leases, ports.clock, changed)),
        HostnameApplyController(),
        EtcFilesController(),
        WifiServiceController(ports),
    ]


def _observers(ports: Ports, netlink: Netlink) -> list[Controller]:
    from controllers.network.address_status import AddressStatusController
    from controllers.network.link_status import LinkStatusController
    from controllers.network.network_ready import NetworkReadyController
    from controllers.network.network_status import NetworkStatusController
    from controllers.network.node_address import NodeAddressController
    from controllers.network.resolver_status import ResolverStatusController
    from controllers.network.route_status import RouteStatusController
    from controllers.network.wifi_status import WifiStatusController
    from controllers.network.wifi_supplicant import CONTROL_DIRECTORY
    from controllers.network.wifi_watch import WifiWatch

    sockets = ports.paths / CONTROL_DIRECTORY
    return [
        LinkStatusController(netlink, ports.clock),
        AddressStatusController(netlink, ports.clock),
        RouteStatusController(netlink, ports.clock),
        ResolverStatusController(),
        NodeAddressController(),
        NetworkStatusController(),
        NetworkReadyController(),
        WifiStatusController(ports, lambda link, changed: WifiWatch(sockets / link, ports.clock, changed, ports.patience)),
    ]
