"""LinkMergeController: the layers' links, one each. `up` is the highest layer's; an MTU of 0 leaves a lower one's."""

from collections.abc import Iterator

from controllers.network.layers import by_layer
from controllers.resources.network import NETWORK, NETWORK_CONFIG, LinkSpec
from controllers.runtime.controller import STRONG, Controller, Input, Output, View, Wanted


class LinkMergeController(Controller):
    """LinkSpec of all layers → LinkSpec."""

    name = "network.LinkMergeController"
    inputs = (Input(LinkSpec, NETWORK_CONFIG, kind=STRONG),)
    outputs = (Output(LinkSpec, NETWORK),)

    def reconcile(self, view: View) -> Iterator[Wanted]:
        merged: dict[str, LinkSpec] = {}
        for _, id_, spec in by_layer(view.list(LinkSpec)):
            below = merged.get(id_)
            mtu = spec.mtu or (below.mtu if below else 0)
            merged[id_] = LinkSpec(name=spec.name, up=spec.up, mtu=mtu)
        return (Wanted(id_, spec) for id_, spec in merged.items())
