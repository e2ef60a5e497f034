"""ResolverMergeController: of the layers' servers, and of their search domains, the highest layer's that sets them."""

from collections.abc import Iterator

from controllers.network.layers import highest_list
from controllers.network.resolver_config import RESOLVERS
from controllers.resources.network import NETWORK, NETWORK_CONFIG, ResolverSpec
from controllers.runtime.controller import STRONG, Controller, Input, Output, View, Wanted


class ResolverMergeController(Controller):
    """ResolverSpec of all layers → ResolverSpec. What several links' DHCP brings is joined."""

    name = "network.ResolverMergeController"
    inputs = (Input(ResolverSpec, NETWORK_CONFIG, kind=STRONG),)
    outputs = (Output(ResolverSpec, NETWORK),)

    def reconcile(self, view: View) -> Iterator[Wanted]:
        specs = view.list(ResolverSpec)
        servers, domains = highest_list(specs, "servers"), highest_list(specs, "search_domains")
        yield Wanted(RESOLVERS, ResolverSpec(servers=servers, search_domains=domains))
