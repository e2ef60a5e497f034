"""ResolverConfigController: DNS servers of the command line and the configuration."""

from collections.abc import Iterator

from controllers.config.documents import ResolverConfig
from controllers.network.ip_parameter import parse_ip_parameter
from controllers.network.layers import layered_id
from controllers.ports import Ports
from controllers.resources.network import NETWORK_CONFIG, Layer, ResolverSpec
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted

RESOLVERS = "resolvers"


class ResolverConfigController(Controller):
    """Document and `ip=` → ResolverSpec of layers cmdline and configuration."""

    name = "network.ResolverConfigController"
    inputs = (Input(ResolverConfig),)
    outputs = (Output(ResolverSpec, NETWORK_CONFIG, SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._servers = parse_ip_parameter(ports.cmdline.get("ip", "")).nameservers

    def reconcile(self, view: View) -> Iterator[Wanted]:
        if self._servers:
            yield Wanted(layered_id(Layer.CMDLINE, RESOLVERS), ResolverSpec(servers=self._servers))
        for document in view.list(ResolverConfig):
            spec = ResolverSpec(servers=document.spec.nameservers, search_domains=document.spec.search_domains)
            yield Wanted(layered_id(Layer.CONFIGURATION, RESOLVERS), spec)
