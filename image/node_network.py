"""The network of nodes in namespaces: one bridge on the host per cluster, one veth pair per node.

Model: plans are lists of ip(8) calls, made by pure functions and run by the caller. The node's end is named eth0 and gets its
address from the kernel command line (`ip=`), as on a machine without DHCP. Trap: interface names have 15 characters at most.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass

from image.errors import ImageError
from image.run import get_program, run

Command = tuple[str, ...]
CANDIDATES = [ipaddress.IPv4Network(f"10.66.{third}.0/24") for third in range(256)]


@dataclass(frozen=True)
class NodeNetwork:
    """One cluster's bridge and one node on it."""

    cluster: str
    subnet: ipaddress.IPv4Network

    @property
    def bridge(self) -> str:
        """The bridge's name: one per cluster, short whatever the cluster is called."""
        return f"oph-{hashlib.sha256(self.cluster.encode()).hexdigest()[:8]}"

    @property
    def host_end(self) -> str:
        """The host's end of the veth pair."""
        return f"{self.bridge}-1"

    @property
    def host_address(self) -> str:
        """The bridge's address: the node's default gateway."""
        return str(self.subnet[1])

    @property
    def node_address(self) -> str:
        """The node's address."""
        return str(self.subnet[2])

    @property
    def kernel_argument(self) -> str:
        """The node's `ip=`: client, server, gateway, netmask, host name, device, autoconfiguration."""
        return f"ip={self.node_address}::{self.host_address}:{self.subnet.netmask}::eth0:off"

    def plan_bridge(self) -> list[Command]:
        """Make the bridge."""
        return [
            ("ip", "link", "add", self.bridge, "type", "bridge"),
            ("ip", "address", "add", f"{self.host_address}/{self.subnet.prefixlen}", "dev", self.bridge),
            ("ip", "link", "set", self.bridge, "up"),
        ]

    def plan_cable(self, pid: int) -> list[Command]:
        """Plug the network namespace of process `pid` into the bridge."""
        peer = ("peer", "name", "eth0", "netns", str(pid))
        return [
            ("ip", "link", "add", self.host_end, "type", "veth", *peer),
            ("ip", "link", "set", self.host_end, "master", self.bridge, "up"),
        ]

    def plan_removal(self, links: Iterable[str]) -> list[Command]:
        """Remove what is there of it."""
        return [("ip", "link", "delete", name) for name in links if name in (self.bridge, self.host_end)]


def find_subnet(in_use: Iterable[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    """The first of the candidates that overlaps with nothing in use; raises `ImageError` when all do."""
    taken = list(in_use)
    for candidate in CANDIDATES:
        if not any(candidate.overlaps(network) for network in taken):
            return candidate
    raise ImageError("no free network in 10.66.0.0/16", "destroy a cluster: ophite cluster destroy --name NAME")


def find_used_networks() -> list[ipaddress.IPv4Network]:
    """The networks of the host's addresses and routes, without the default route."""
    used = []
    for link in json.loads(run_ip("-json", "-4", "address", "show")):
        for address in link.get("addr_info", []):
            used.append(ipaddress.IPv4Network(f"{address['local']}/{address['prefixlen']}", strict=False))
    for route in json.loads(run_ip("-json", "-4", "route", "show")):
        if route["dst"] != "default":
            used.append(ipaddress.IPv4Network(route["dst"]))
    return used


def find_links() -> list[str]:
    """The names of the host's interfaces."""
    return [link["ifname"] for link in json.loads(run_ip("-json", "link", "show"))]


def run_ip(*words: str) -> bytes:
    """Run ip(8), wherever the host keeps it; raises `ImageError`."""
    return run([get_program("ip"), *words], timeout=30)
