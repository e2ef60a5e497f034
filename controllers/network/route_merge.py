"""RouteMergeController: the layers' routes; of one link, destination and metric the highest layer's counts."""

from collections.abc import Iterator

from controllers.network.layers import highest_by_id
from controllers.resources.network import NETWORK, NETWORK_CONFIG, RouteSpec
from controllers.runtime.controller import STRONG, Controller, Input, Output, View, Wanted


class RouteMergeController(Controller):
    """RouteSpec of all layers → RouteSpec."""

    name = "network.RouteMergeController"
    inputs = (Input(RouteSpec, NETWORK_CONFIG, kind=STRONG),)
    outputs = (Output(RouteSpec, NETWORK),)

    def reconcile(self, view: View) -> Iterator[Wanted]:
        return (Wanted(id_, spec) for id_, spec in highest_by_id(view.list(RouteSpec)).items())
