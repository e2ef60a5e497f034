"""OperatorMergeController: the layers' operators; the highest layer's settings count."""

from collections.abc import Iterator

from controllers.network.layers import highest_by_id
from controllers.resources.network import NETWORK, NETWORK_CONFIG, OperatorSpec
from controllers.runtime.controller import STRONG, Controller, Input, Output, View, Wanted


class OperatorMergeController(Controller):
    """OperatorSpec of all layers → OperatorSpec."""

    name = "network.OperatorMergeController"
    inputs = (Input(OperatorSpec, NETWORK_CONFIG, kind=STRONG),)
    outputs = (Output(OperatorSpec, NETWORK),)

    def reconcile(self, view: View) -> Iterator[Wanted]:
        return (Wanted(id_, spec) for id_, spec in highest_by_id(view.list(OperatorSpec)).items())
