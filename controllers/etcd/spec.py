"""Documents, data and a request → EtcdSpec: whether this node runs a member, under which name and address.

A control plane runs etcd when its directory holds a member (`existing`), or when `ophite bootstrap` was accepted
(`new`). In all other cases it waits and says for what: an etcd that starts by itself would be a second cluster.
"""

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network

from controllers.config.documents import EtcdConfig, MachineConfig, MachineType
from controllers.ports import Ports
from controllers.resources.kubernetes import EtcdBootstrap, EtcdData, EtcdSpec
from controllers.resources.network import HostnameStatus, NodeAddress
from controllers.resources.timesync import TimeStatus
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting

BOOTSTRAP = "`ophite bootstrap` (this node's etcd directory is empty)"
PEER_PORT = 2380


class EtcdSpecController(Controller):
    """Decides whether and how etcd runs here."""

    name = "etcd.EtcdSpecController"
    inputs = (
        Input(MachineConfig, id="default"),
        Input(EtcdConfig, id="default"),
        Input(EtcdData, id="data"),
        Input(EtcdBootstrap, id="bootstrap"),
        Input(HostnameStatus, id="hostname"),
        Input(NodeAddress, id="default"),
        Input(TimeStatus, id="time"),
    )
    outputs = (Output(EtcdSpec),)

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """One member, none on a worker."""
        if view.get(MachineConfig, "default").spec.type is not MachineType.CONTROL_PLANE:
            return
        config = view.get(EtcdConfig, "default").spec
        initialized = view.get(EtcdData, "data").spec.initialized
        if not initialized and view.find(EtcdBootstrap, "bootstrap") is None:
            raise Waiting(BOOTSTRAP)
        if not view.get(TimeStatus, "time").spec.synced:
            raise Waiting("the clock to be set")
        name = view.get(HostnameStatus, "hostname").spec.hostname
        address = choose_address(view.get(NodeAddress, "default").spec.addresses, config.advertised_subnets)
        spec = EtcdSpec(
            name=name,
            address=address,
            initial_cluster=f"{name}={peer_url(address)}",
            initial_cluster_state="existing" if initialized else "new",
            extra_args=config.extra_args,
        )
        yield Wanted("etcd", spec)


def choose_address(addresses: tuple[str, ...], subnets: tuple[str, ...]) -> str:
    """Return the first address inside one of `subnets`, the first of all without subnets. Raises `Waiting`."""
    networks = [ip_network(subnet, strict=False) for subnet in subnets]
    for text in addresses:
        address = ip_address(text)
        if not networks or any(address in network for network in networks):
            return text
    wanted = f" in {', '.join(subnets)}" if subnets else ""
    raise Waiting(f"an address of this node{wanted}")


def peer_url(address: str) -> str:
    """Return where other members reach this one."""
    return f"https://{bracket(address)}:{PEER_PORT}"


def bracket(address: str) -> str:
    """Return an address as a URL has it: IPv6 in brackets (RFC 3986, 3.2.2)."""
    return f"[{address}]" if isinstance(ip_address(address), IPv6Address) else address
