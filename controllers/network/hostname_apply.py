"""HostnameApplyController: tell the kernel the host name, and say what it has (sethostname(2))."""

import socket
from collections.abc import Callable, Iterator

from controllers.network.hostname_config import HOSTNAME
from controllers.resources.network import NETWORK, HostnameSpec, HostnameStatus
from controllers.runtime.controller import STRONG, Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting


class HostnameApplyController(Controller):
    """HostnameSpec → the kernel → HostnameStatus."""

    name = "network.HostnameApplyController"
    inputs = (Input(HostnameSpec, NETWORK, kind=STRONG),)
    outputs = (Output(HostnameStatus),)

    def __init__(self, get: Callable[[], str] = socket.gethostname, set_: Callable[[str], None] = socket.sethostname) -> None:
        self._get = get
        self._set = set_

    def reconcile(self, view: View) -> Iterator[Wanted]:
        spec = view.get(HostnameSpec, HOSTNAME).spec
        if self._get() != spec.hostname:
            try:
                self._set(spec.hostname)
            except OSError as error:
                view.wake_after(10)
                raise Waiting(f"the kernel to take the host name {spec.hostname} ({error.strerror})") from None
        yield Wanted(HOSTNAME, HostnameStatus(hostname=self._get(), domain=spec.domain))
