"""Host name → the node's name in Kubernetes: the host name without domain, in lower case (RFC 1123 label)."""

from collections.abc import Iterable

from controllers.ports import Ports
from controllers.resources.kubernetes import Nodename
from controllers.resources.network import HostnameStatus
from controllers.runtime.controller import Controller, Input, Output, View, Wanted


class NodenameController(Controller):
    """Names the node."""

    name = "kubernetes.NodenameController"
    inputs = (Input(HostnameStatus, id="hostname"),)
    outputs = (Output(Nodename),)

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """One name."""
        hostname = view.get(HostnameStatus, "hostname").spec.hostname
        yield Wanted("nodename", Nodename(nodename=hostname.split(".")[0].lower()))
