"""NetworkReadyController: makes nothing; its `waits_for` says in words why the node has no network yet."""

from controllers.network.network_status import STATUS
from controllers.resources.network import LinkStatus, NetworkStatus, OperatorStatus
from controllers.runtime.controller import Controller, Input, View
from controllers.runtime.errors import Waiting


class NetworkReadyController(Controller):
    """NetworkStatus, LinkStatus and OperatorStatus → words."""

    name = "network.NetworkReadyController"
    inputs = (Input(NetworkStatus, id=STATUS), Input(LinkStatus), Input(OperatorStatus))

    def reconcile(self, view: View) -> None:
        status = view.get(NetworkStatus, STATUS).spec
        if not status.address_ready:
            raise Waiting(f"an address ({_reason(view)})")
        if not status.hostname_ready:
            raise Waiting("the host name to be set")
        if not status.files_ready:
            raise Waiting("/etc/hosts, hostname and resolv.conf to be written")


def _reason(view: View) -> str:
    """Return what stands in the way of an address."""
    physical = [link.spec for link in view.list(LinkStatus) if link.spec.physical]
    operators = [operator.spec for operator in view.list(OperatorStatus)]
    if operators:
        return ", ".join(f"DHCP on {operator.link}: {operator.state}" for operator in operators)
    if not physical:
        return "there is no network card"
    return ", ".join(f"{link.name}: {'up' if link.carrier else 'no carrier'}, no address set" for link in physical)
