"""RouteConfigController: static routes."""

from collections.abc import Iterator

from controllers.config.documents import LinkConfig
from controllers.network.ip_parameter import parse_ip_parameter
from controllers.network.layers import layered_id
from controllers.network.link_names import first_physical
from controllers.ports import Ports
from controllers.resources.network import NETWORK_CONFIG, Layer, LinkStatus, RouteSpec
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted


def wanted_route(layer: Layer, spec: RouteSpec) -> Wanted:
    """Return a route of a layer under its id."""
    return Wanted(layered_id(layer, f"{spec.link}/{spec.destination}/{spec.priority}"), spec, NETWORK_CONFIG)


class RouteConfigController(Controller):
    """Documents and `ip=` → RouteSpec of layers cmdline and configuration."""

    name = "network.RouteConfigController"
    inputs = (Input(LinkConfig), Input(LinkStatus))
    outputs = (Output(RouteSpec, NETWORK_CONFIG, SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._parameter = parse_ip_parameter(ports.cmdline.get("ip", ""))

    def reconcile(self, view: View) -> Iterator[Wanted]:
        first = first_physical([link.spec for link in view.list(LinkStatus)])
        device = self._parameter.device or (first.name if first else "")
        if self._parameter.address and self._parameter.gateway and device:
            spec = RouteSpec(destination="default", link=device, gateway=self._parameter.gateway)
            yield wanted_route(Layer.CMDLINE, spec)
        for document in view.list(LinkConfig):
            for route in document.spec.routes:
                yield wanted_route(
                    Layer.CONFIGURATION,
                    RouteSpec(
                        destination=route.destination,
                        link=document.spec.name,
                        gateway=route.gateway,
                        priority=route.metric,
                    ),
                )
