"""TimeServerMergeController: the highest layer's NTP servers."""

from collections.abc import Iterator

from controllers.network.layers import highest_list
from controllers.network.timeserver_config import TIMESERVERS
from controllers.resources.network import NETWORK, NETWORK_CONFIG, TimeServerSpec
from controllers.runtime.controller import STRONG, Controller, Input, Output, View, Wanted


class TimeServerMergeController(Controller):
    """TimeServerSpec of all layers → TimeServerSpec. What several links' DHCP brings is joined."""

    name = "network.TimeServerMergeController"
    inputs = (Input(TimeServerSpec, NETWORK_CONFIG, kind=STRONG),)
    outputs = (Output(TimeServerSpec, NETWORK),)

    def reconcile(self, view: View) -> Iterator[Wanted]:
        yield Wanted(TIMESERVERS, TimeServerSpec(servers=highest_list(view.list(TimeServerSpec), "servers")))
