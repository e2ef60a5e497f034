"""HostnameMergeController: the highest layer's name."""

from collections.abc import Iterator

from controllers.network.hostname_config import HOSTNAME
from controllers.network.layers import by_layer
from controllers.resources.network import NETWORK, NETWORK_CONFIG, HostnameSpec, Layer
from controllers.runtime.controller import STRONG, Controller, Input, Output, View, Wanted


class HostnameMergeController(Controller):
    """HostnameSpec of all layers → HostnameSpec. Of several links' DHCP the first by name counts."""

    name = "network.HostnameMergeController"
    inputs = (Input(HostnameSpec, NETWORK_CONFIG, kind=STRONG),)
    outputs = (Output(HostnameSpec, NETWORK),)

    def reconcile(self, view: View) -> Iterator[Wanted]:
        chosen: tuple[Layer, HostnameSpec] | None = None
        for layer, _, spec in by_layer(view.list(HostnameSpec)):
            if chosen is None or layer is not chosen[0]:
                chosen = (layer, spec)
        if chosen is not None:
            yield Wanted(HOSTNAME, chosen[1])
