"""TimeServerConfigController: NTP servers by default, of the command line and of the configuration."""

from collections.abc import Iterator

from controllers.config.documents import TimeSyncConfig
from controllers.network.ip_parameter import parse_ip_parameter
from controllers.network.layers import layered_id
from controllers.ports import Ports
from controllers.resources.network import NETWORK_CONFIG, Layer, TimeServerSpec
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted

TIMESERVERS = "timeservers"
DEFAULT_SERVERS = ("pool.ntp.org",)


class TimeServerConfigController(Controller):
    """Document and `ip=` → TimeServerSpec of layers default, cmdline and configuration."""

    name = "network.TimeServerConfigController"
    inputs = (Input(TimeSyncConfig),)
    outputs = (Output(TimeServerSpec, NETWORK_CONFIG, SHARED),)

    def __init__(self, ports: Ports) -> None:
        self._servers = parse_ip_parameter(ports.cmdline.get("ip", "")).timeservers

    def reconcile(self, view: View) -> Iterator[Wanted]:
        yield Wanted(layered_id(Layer.DEFAULT, TIMESERVERS), TimeServerSpec(servers=DEFAULT_SERVERS))
        if self._servers:
            yield Wanted(layered_id(Layer.CMDLINE, TIMESERVERS), TimeServerSpec(servers=self._servers))
        for document in view.list(TimeSyncConfig):
            if document.spec.servers:
                spec = TimeServerSpec(servers=document.spec.servers)
                yield Wanted(layered_id(Layer.CONFIGURATION, TIMESERVERS), spec)
