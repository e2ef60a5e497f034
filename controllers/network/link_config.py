"""LinkConfigController: which links should be up, and with what MTU."""

from collections.abc import Iterator

from controllers.config.documents import LinkConfig
from controllers.network.ip_parameter import parse_ip_parameter
from controllers.network.layers import layered_id
from controllers.ports import Ports
from controllers.resources.network import NETWORK_CONFIG, Layer, LinkSpec, LinkStatus
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted


class LinkConfigController(Controller):
    """Documents, `ip=` and physical links → LinkSpec of layers default, cmdline and configuration. By default every physical
    link and the loopback are up, and so is the link that `ip=` names (in a namespace it is a veth).
    """

    name = "network.LinkConfigController"
    inputs = (Input(LinkConfig), Input(LinkStatus))
    outputs = (Output(LinkSpec, NETWORK_CONFIG, SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._device = parse_ip_parameter(ports.cmdline.get("ip", "")).device

    def reconcile(self, view: View) -> Iterator[Wanted]:
        for link in view.list(LinkStatus):
            if link.spec.physical or link.spec.kind == "loopback":
                yield Wanted(layered_id(Layer.DEFAULT, link.id), LinkSpec(name=link.id))
        if self._device:
            yield Wanted(layered_id(Layer.CMDLINE, self._device), LinkSpec(name=self._device))
        for document in view.list(LinkConfig):
            spec = LinkSpec(name=document.spec.name, up=document.spec.up, mtu=document.spec.mtu)
            yield Wanted(layered_id(Layer.CONFIGURATION, document.id), spec)
