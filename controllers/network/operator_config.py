"""OperatorConfigController: on which links DHCP runs.

By default on every physical link that has no static address; not where a provisioner has set the network up already
(platform `namespaces`), unless a DHCPv4Config asks for it. Where there is a cable it goes before Wi-Fi.
"""

from collections.abc import Iterator

from controllers.config.documents import DHCPv4Config, LinkConfig, WifiConfig
from controllers.network.ip_parameter import parse_ip_parameter
from controllers.network.layers import layered_id
from controllers.network.link_names import first_physical
from controllers.ports import Ports
from controllers.resources.machine import PlatformInfo
from controllers.resources.network import NETWORK_CONFIG, Layer, LinkStatus, OperatorSpec
from controllers.runtime.controller import Controller, Input, Output, View, Wanted

OBSERVED_PLATFORM = "namespaces"
WIFI_METRIC = 2048
"""Metric of the routes over a wireless link, twice that of the others; a DHCPv4Config says otherwise."""


class OperatorConfigController(Controller):
    """Documents, `ip=`, platform and physical links → OperatorSpec of layers default and configuration."""

    name = "network.OperatorConfigController"
    inputs = (
        Input(LinkConfig),
        Input(DHCPv4Config),
        Input(WifiConfig),
        Input(LinkStatus),
        Input(PlatformInfo, id="platform"),
    )
    outputs = (Output(OperatorSpec, NETWORK_CONFIG),)

    def __init__(self, ports: Ports) -> None:
        self._parameter = parse_ip_parameter(ports.cmdline.get("ip", ""))

    def reconcile(self, view: View) -> Iterator[Wanted]:
        platform = view.get(PlatformInfo, "platform").spec.platform
        excluded = self._excluded(view)
        wireless = {document.spec.name for document in view.list(WifiConfig)}
        if platform != OBSERVED_PLATFORM:
            for link in view.list(LinkStatus):
                if link.spec.physical and link.id not in excluded:
                    over_wifi = OperatorSpec(link=link.id, route_metric=WIFI_METRIC)
                    yield _wanted(Layer.DEFAULT, over_wifi if link.id in wireless else OperatorSpec(link=link.id))
        for document in view.list(DHCPv4Config):
            if not document.spec.ignore:
                spec = OperatorSpec(link=document.spec.name, route_metric=document.spec.route_metric)
                yield _wanted(Layer.CONFIGURATION, spec)

    def _excluded(self, view: View) -> set[str]:
        """Return the links on which DHCP does not run by default."""
        names = {doc.spec.name for doc in view.list(LinkConfig) if doc.spec.addresses or not doc.spec.up}
        names |= {doc.spec.name for doc in view.list(DHCPv4Config) if doc.spec.ignore}
        links = [link.spec for link in view.list(LinkStatus)]
        if not self._parameter.dhcp:
            first = first_physical(links)
            device = self._parameter.device or (first.name if first else "")
            names |= {device} if self._parameter.address else {link.name for link in links}
        return names


def _wanted(layer: Layer, spec: OperatorSpec) -> Wanted:
    return Wanted(layered_id(layer, f"{spec.operator}/{spec.link}"), spec)
