"""AddressMergeController: the layers' addresses, each once."""

from collections.abc import Iterator

from controllers.network.layers import highest_by_id
from controllers.resources.network import NETWORK, NETWORK_CONFIG, AddressSpec
from controllers.runtime.controller import STRONG, Controller, Input, Output, View, Wanted


class AddressMergeController(Controller):
    """AddressSpec of all layers → AddressSpec."""

    name = "network.AddressMergeController"
    inputs = (Input(AddressSpec, NETWORK_CONFIG, kind=STRONG),)
    outputs = (Output(AddressSpec, NETWORK),)

    def reconcile(self, view: View) -> Iterator[Wanted]:
        return (Wanted(id_, spec) for id_, spec in highest_by_id(view.list(AddressSpec)).items())
