"""NetworkStatusController: can the network carry what is to come?"""

from collections.abc import Iterator

from controllers.network.etc_files import ETC_FILES
from controllers.network.hostname_config import HOSTNAME
from controllers.resources.machine import FileStatus
from controllers.resources.network import (
    NETWORK,
    HostnameSpec,
    HostnameStatus,
    NetworkStatus,
    NodeAddress,
    RouteStatus,
)
from controllers.runtime.controller import Controller, Input, Output, View, Wanted

STATUS = "status"


class NetworkStatusController(Controller):
    """What was observed → NetworkStatus. Connectivity is a default route; the host name is ready when the kernel has it."""

    name = "network.NetworkStatusController"
    inputs = (
        Input(NodeAddress, id="default"),
        Input(RouteStatus),
        Input(HostnameSpec, NETWORK, id=HOSTNAME),
        Input(HostnameStatus, id=HOSTNAME),
        Input(FileStatus),
    )
    outputs = (Output(NetworkStatus),)

    def reconcile(self, view: View) -> Iterator[Wanted]:
        wanted, host = view.find(HostnameSpec, HOSTNAME), view.find(HostnameStatus, HOSTNAME)
        files = [view.find(FileStatus, path) for path in ETC_FILES]
        yield Wanted(
            STATUS,
            NetworkStatus(
                address_ready=view.find(NodeAddress, "default") is not None,
                connectivity_ready=any(route.spec.destination == "default" for route in view.list(RouteStatus)),
                hostname_ready=bool(wanted and host and wanted.spec.hostname == host.spec.hostname),
                files_ready=all(file is not None and not file.spec.error for file in files),
            ),
        )
