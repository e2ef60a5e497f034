"""The network controllers on a real kernel, in a network namespace of their own."""

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from controllers.config.documents import DHCPv4Config, HostnameConfig, LinkConfig, RouteConfig
from controllers.network.netlink import KernelNetlink
from controllers.resources.network import (
    AddressStatus,
    HostnameStatus,
    LinkStatus,
    NetworkStatus,
    NodeAddress,
    OperatorStatus,
    ResolverSpec,
    RouteStatus,
    TimeServerSpec,
)
from controllers.runtime.status import ControllerStatus
from tests.kernel.network.conftest import far_ip, ip

if TYPE_CHECKING:
    from tests.kernel.network.conftest import Node

pytestmark = pytest.mark.kernel

STATIC = LinkConfig(
    name="eth0",
    mtu=1300,
    addresses=("192.0.2.10/24", "2001:db8::10/64"),
    routes=(
        RouteConfig(destination="default", gateway="192.0.2.1", metric=512),
        RouteConfig(destination="198.51.100.0/24", gateway="192.0.2.1"),
        RouteConfig(destination="default", gateway="2001:db8::1"),
    ),
)


async def test_loopback_is_up_and_counts_for_nothing(node: "Node") -> None:
    await node.until(LinkStatus, "lo", lambda link: link.up)
    await node.until(AddressStatus, "lo/127.0.0.1/8")
    assert await node.store.find(NodeAddress, "default") is None
    with socket.create_server(("127.0.0.1", 0)):
        pass


async def test_static_address_and_routes_come_and_go(cable: int, node: "Node") -> None:
    await node.put("default", HostnameConfig(hostname="node1.example.com"))
    await node.put("eth0", STATIC)
    await node.until(AddressStatus, "eth0/192.0.2.10/24")
    await node.until(RouteStatus, "eth0/default/512", lambda route: route.protocol == "ophite")
    await node.until(RouteStatus, "eth0/198.51.100.0/24/1024")
    await node.until(RouteStatus, "eth0/default/1024", lambda route: route.gateway == "2001:db8::1")
    await node.until(LinkStatus, "eth0", lambda link: link.up and link.mtu == 1300)
    await node.until(NodeAddress, "default", lambda found: found.addresses == ("192.0.2.10",))
    await node.until(HostnameStatus, "hostname", lambda name: name.hostname == "node1")
    assert socket.gethostname() == "node1"
    await node.until(NetworkStatus, "status", lambda status: status.connectivity_ready and status.files_ready)

    await node.remove(LinkConfig, "eth0")

    await node.gone(RouteStatus, "eth0/default/512")
    await node.gone(AddressStatus, "eth0/192.0.2.10/24")
    await node.gone(AddressStatus, "eth0/2001:db8::10/64")
    assert "192.0.2.10" not in ip("addr", "show")


async def test_what_others_made_is_left_alone(cable: int, node: "Node") -> None:
    ip("link", "add", "cni0", "type", "bridge")
    ip("addr", "add", "10.244.0.1/24", "dev", "cni0")
    ip("link", "set", "cni0", "up")
    ip("addr", "add", "192.0.2.99/24", "dev", "eth0")
    await node.put("eth0", STATIC)
    await node.until(RouteStatus, "eth0/default/512")
    ip("route", "add", "203.0.113.0/24", "via", "192.0.2.1")
    await node.until(RouteStatus, "eth0/203.0.113.0/24/0")

    await node.remove(LinkConfig, "eth0")

    await node.gone(AddressStatus, "eth0/192.0.2.10/24")
    assert "192.0.2.99/24" in ip("addr", "show", "dev", "eth0")
    assert "203.0.113.0/24" in ip("route", "show")
    assert "10.244.0.1/24" in ip("addr", "show", "dev", "cni0")
    assert await node.store.find(LinkStatus, "cni0") is None


async def test_a_lost_address_comes_back(cable: int, node: "Node") -> None:
    await node.put("eth0", STATIC)
    await node.until(RouteStatus, "eth0/default/512")
    ip("addr", "del", "192.0.2.10/24", "dev", "eth0")
    async with asyncio.timeout(15):
        async for _ in KernelNetlink().changes():
            if "192.0.2.10/24" in ip("addr", "show", "dev", "eth0") and "metric 512" in ip("route", "show", "default"):
                break


async def test_a_lease_becomes_addresses_routes_names_and_servers(dhcp_server: int, node: "Node", tmp_path: Any) -> None:
    await node.put("eth0", LinkConfig(name="eth0"))
    await node.put("eth0", DHCPv4Config(name="eth0", route_metric=700))
    bound = await node.until(OperatorStatus, "dhcp4/eth0", lambda status: status.state == "bound", 30)
    address = bound.spec.address
    assert bound.spec.server == "192.0.2.1"
    await node.until(AddressStatus, f"eth0/{address}")
    await node.until(RouteStatus, "eth0/default/700", lambda route: route.gateway == "192.0.2.1")
    await node.until(NodeAddress, "default", lambda found: found.addresses == (address.partition("/")[0],))
    await node.until(ResolverSpec, "resolvers", lambda spec: spec.servers == ("192.0.2.53", "192.0.2.54"))
    await node.until(TimeServerSpec, "timeservers", lambda spec: spec.servers == ("192.0.2.123",))
    await node.until(LinkStatus, "eth0", lambda link: link.mtu == 1400)
    await node.until(HostnameStatus, "hostname", lambda name: name.hostname == "leased" and name.domain == "example.com")
    kept = json.loads((tmp_path / "run/ophite/dhcp4/eth0.json").read_bytes())
    assert kept["lease"]["address"] == address

    await node.remove(DHCPv4Config, "eth0")

    await node.gone(OperatorStatus, "dhcp4/eth0")
    await node.gone(AddressStatus, f"eth0/{address}")


async def test_without_an_answer_the_node_says_so(cable: int, node: "Node") -> None:
    await node.put("eth0", LinkConfig(name="eth0"))
    await node.put("eth0", DHCPv4Config(name="eth0"))
    await node.until(OperatorStatus, "dhcp4/eth0", lambda status: status.state == "discovering")
    await node.until(
        ControllerStatus,
        "network.NetworkReadyController",
        lambda one: one.waits_for == "an address (DHCP on eth0: discovering)",
    )


async def test_an_unplugged_cable_is_told(cable: int, node: "Node") -> None:
    await node.put("eth0", LinkConfig(name="eth0"))
    await node.put("eth0", DHCPv4Config(name="eth0"))
    await node.until(LinkStatus, "eth0", lambda link: link.carrier)
    far_ip(cable, "link", "set", "far0", "down")
    await node.until(LinkStatus, "eth0", lambda link: link.up and not link.carrier)
    await node.until(OperatorStatus, "dhcp4/eth0", lambda status: status.state == "no carrier")
    text = "an address (DHCP on eth0: no carrier)"
    await node.until(ControllerStatus, "network.NetworkReadyController", lambda one: one.waits_for == text)
    far_ip(cable, "link", "set", "far0", "up")
    await node.until(OperatorStatus, "dhcp4/eth0", lambda status: status.state == "discovering")


async def test_the_port_reads_and_writes_what_the_kernel_has(cable: int) -> None:
    netlink = KernelNetlink()
    links = {link.name: link for link in await netlink.links()}
    assert links["lo"].loopback
    assert links["eth0"].kind == "veth"
    assert not links["eth0"].physical
    index = links["eth0"].index
    await netlink.set_link(index, up=True, mtu=1280)
    await netlink.add_address(index, "198.51.100.7/24")
    await netlink.add_address(index, "198.51.100.7/24")
    ours = [address.address for address in await netlink.addresses() if address.ours]
    assert ours == ["198.51.100.7/24"]
    await netlink.remove_address(index, "198.51.100.7/24")
    await netlink.remove_address(index, "198.51.100.7/24")
    assert not [address for address in await netlink.addresses() if address.ours]
    await netlink.close()
