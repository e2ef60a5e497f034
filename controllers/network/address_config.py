"""AddressConfigController: static addresses, and those of the loopback."""

from collections.abc import Iterator

from controllers.config.documents import LinkConfig
from controllers.network.ip_parameter import parse_ip_parameter
from controllers.network.layers import layered_id
from controllers.network.link_names import first_physical
from controllers.ports import Ports
from controllers.resources.network import NETWORK_CONFIG, AddressSpec, Layer, LinkStatus
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted

LOOPBACK = (AddressSpec(address="127.0.0.1/8", link="lo"), AddressSpec(address="::1/128", link="lo"))


def wanted_address(layer: Layer, spec: AddressSpec) -> Wanted:
    """Return an address of a layer under its id."""
    return Wanted(layered_id(layer, f"{spec.link}/{spec.address}"), spec, NETWORK_CONFIG)


class AddressConfigController(Controller):
    """Documents, `ip=` and the loopback → AddressSpec of layers default, cmdline and configuration."""

    name = "network.AddressConfigController"
    inputs = (Input(LinkConfig), Input(LinkStatus))
    outputs = (Output(AddressSpec, NETWORK_CONFIG, SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._parameter = parse_ip_parameter(ports.cmdline.get("ip", ""))

    def reconcile(self, view: View) -> Iterator[Wanted]:
        for spec in LOOPBACK:
            yield wanted_address(Layer.DEFAULT, spec)
        first = first_physical([link.spec for link in view.list(LinkStatus)])
        device = self._parameter.device or (first.name if first else "")
        if self._parameter.address and device:
            yield wanted_address(Layer.CMDLINE, AddressSpec(address=self._parameter.address, link=device))
        for document in view.list(LinkConfig):
            for address in document.spec.addresses:
                yield wanted_address(Layer.CONFIGURATION, AddressSpec(address=address, link=document.spec.name))
