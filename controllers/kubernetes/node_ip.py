"""Node addresses and KubeletConfig → the address that kubelet and the API server announce: one per family."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from controllers.config.documents import KubeletConfig
from controllers.ports import Ports
from controllers.resources.kubernetes import NodeIP
from controllers.resources.network import NodeAddress
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting


class NodeIPController(Controller):
    """Chooses among the default addresses, or among all of them when subnets are configured."""

    name = "kubernetes.NodeIPController"
    inputs = (Input(NodeAddress), Input(KubeletConfig, id="default"))
    outputs = (Output(NodeIP),)

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """One list."""
        config = view.find(KubeletConfig, "default")
        subnets = config.spec.node_ip_subnets if config else ()
        addresses = view.get(NodeAddress, "current" if subnets else "default").spec.addresses
        chosen = choose_addresses(addresses, subnets)
        if not chosen:
            raise Waiting(f"an address of this node in {', '.join(subnets)}" if subnets else "an address of this node")
        yield Wanted("kubelet", NodeIP(addresses=chosen))


def choose_addresses(addresses: tuple[str, ...], subnets: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first address of each family that is inside one of `subnets` (anywhere without subnets)."""
    networks = [ip_network(subnet, strict=False) for subnet in subnets]
    chosen: dict[int, str] = {}
    for text in addresses:
        address = ip_address(text)
        if not networks or any(address in network for network in networks):
            chosen.setdefault(address.version, text)
    return tuple(chosen.values())
