"""Rendered files, the node's addresses, and why there is no network yet."""

from collections.abc import Iterable
from typing import Any

import pytest

from controllers.config.documents import ClusterConfig
from controllers.network import controllers
from controllers.network.etc_files import ETC_FILES, RESOLV_FILE, EtcFilesController, render_hosts, render_resolv_conf
from controllers.network.network_ready import NetworkReadyController
from controllers.network.network_status import NetworkStatusController
from controllers.network.node_address import NodeAddressController
from controllers.network.resolver_status import ResolverStatusController
from controllers.ports import Ports
from controllers.resources.machine import FileSpec, FileStatus
from controllers.resources.network import (
    NETWORK,
    AddressStatus,
    HostnameSpec,
    HostnameStatus,
    LinkStatus,
    NetworkStatus,
    NodeAddress,
    OperatorStatus,
    ResolverSpec,
    ResolverStatus,
    RouteStatus,
)
from controllers.runtime.errors import Waiting
from controllers.runtime.graph import check_graph
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile

LINKS: list[Resource[Any]] = [
    new("lo", LinkStatus(name="lo", index=1, kind="loopback")),
    new("eth0", LinkStatus(name="eth0", index=2, physical=True)),
    new("eth1", LinkStatus(name="eth1", index=3, physical=True)),
]
HOST = new("hostname", HostnameStatus(hostname="n1", domain="example.com"))


def test_files_are_rendered() -> None:
    resources: list[Resource[Any]] = [
        HOST,
        new("default", NodeAddress(addresses=("192.0.2.1",))),
        new("resolvers", ResolverSpec(servers=("a", "b", "c", "d"))),
    ]
    files = {wanted.id: wanted.spec for wanted in run_reconcile(EtcFilesController(), resources)}
    assert set(files) == set(ETC_FILES)
    assert {spec.content for spec in files.values() if isinstance(spec, FileSpec)} == {
        "n1\n",
        "127.0.0.1 localhost\n::1 localhost ip6-localhost\n192.0.2.1 n1.example.com n1\n",
        "nameserver a\nnameserver b\nnameserver c\n",
    }
    assert render_hosts("n1", "", ()).endswith("127.0.1.1 n1\n")
    assert render_resolv_conf((), ("x", "y")) == "search x y\n"


def addresses(
    *texts: str, routed: str = "eth0", own: Iterable[Resource[Any]] = (), cluster: bool = False
) -> dict[str, tuple[str, ...]]:
    resources = [*LINKS, new("r", RouteStatus(destination="default", link=routed))]
    for text in texts:
        link, _, address = text.partition("/")
        scope = "link" if address.startswith("fe80") else "global"
        resources.append(new(text, AddressStatus(address=address, link=link, scope=scope)))
    if cluster:
        resources.append(new("default", ClusterConfig.example()))
    wanted = run_reconcile(NodeAddressController(), resources, own=own)
    return {one.id: one.spec.addresses for one in wanted if isinstance(one.spec, NodeAddress)}


def test_the_address_on_the_link_with_the_default_route_is_chosen() -> None:
    found = addresses(
        "lo/127.0.0.1/8", "eth0/fe80::1/64", "eth0/192.0.2.1/24", "eth1/198.51.100.1/24", "eth1/2001:db8::1/64", routed="eth1"
    )
    assert found == {
        "current": ("198.51.100.1", "2001:db8::1", "192.0.2.1"),
        "default": ("198.51.100.1",),
    }


def test_the_chosen_address_stays_while_it_exists() -> None:
    own = [new("default", NodeAddress(addresses=("198.51.100.1",)))]
    both = ("eth0/192.0.2.1/24", "eth1/198.51.100.1/24")
    assert addresses(*both)["default"] == ("192.0.2.1",)
    assert addresses(*both, own=own)["default"] == ("198.51.100.1",)
    assert addresses(both[0], own=own)["default"] == ("192.0.2.1",)


def test_addresses_of_pods_and_services_do_not_count() -> None:
    assert addresses("eth0/10.244.0.7/24", "eth1/10.96.0.1/32", cluster=True) == {}
    assert addresses("eth0/10.244.0.7/24")["default"] == ("10.244.0.7",)
    assert addresses("lo/127.0.0.1/8") == {}


def test_network_status() -> None:
    (nothing,) = run_reconcile(NetworkStatusController())
    assert nothing.spec == NetworkStatus()
    files = [new(path, FileStatus(path=path)) for path in ETC_FILES]
    everything: list[Resource[Any]] = [
        *files,
        new("default", NodeAddress(addresses=("192.0.2.1",))),
        new("r", RouteStatus(destination="default", link="eth0")),
        new("hostname", HostnameSpec(hostname="n1"), namespace=NETWORK),
        HOST,
    ]
    (ready,) = run_reconcile(NetworkStatusController(), everything)
    assert ready.spec == NetworkStatus(address_ready=True, connectivity_ready=True, hostname_ready=True, files_ready=True)
    broken = new(RESOLV_FILE, FileStatus(path=RESOLV_FILE, error="no space"))
    (status,) = run_reconcile(NetworkStatusController(), [*everything, broken])
    assert isinstance(status.spec, NetworkStatus)
    assert not status.spec.files_ready


@pytest.mark.parametrize(
    ("status", "resources", "expected"),
    [
        (NetworkStatus(), [], "there is no network card"),
        (NetworkStatus(), LINKS, "eth0: no carrier, no address set, eth1: no carrier"),
        (NetworkStatus(), [new("d", OperatorStatus(link="eth0", state="no answer"))], "DHCP on eth0: no answer"),
        (NetworkStatus(address_ready=True), [], "the host name"),
        (NetworkStatus(address_ready=True, hostname_ready=True), [], "resolv.conf"),
    ],
)
def test_why_there_is_no_network(status: NetworkStatus, resources: list[Resource[Any]], expected: str) -> None:
    with pytest.raises(Waiting, match=expected):
        run_reconcile(NetworkReadyController(), [new("status", status), *resources])


def test_with_network_nothing_is_waited_for() -> None:
    status = NetworkStatus(address_ready=True, hostname_ready=True, files_ready=True)
    assert run_reconcile(NetworkReadyController(), [new("status", status)]) == []


def test_resolver_status_follows_the_written_file() -> None:
    spec = new("resolvers", ResolverSpec(servers=("a", "b", "c", "d")))
    with pytest.raises(Waiting, match="FileStatus"):
        run_reconcile(ResolverStatusController(), [spec])
    with pytest.raises(Waiting, match="no space"):
        run_reconcile(ResolverStatusController(), [spec, new(RESOLV_FILE, FileStatus(path=RESOLV_FILE, error="no space"))])
    (wanted,) = run_reconcile(ResolverStatusController(), [spec, new(RESOLV_FILE, FileStatus(path=RESOLV_FILE))])
    assert wanted.spec == ResolverStatus(servers=("a", "b", "c"))


async def test_the_domain_has_one_owner_per_output() -> None:
    found = controllers(Ports())
    assert len({controller.name for controller in found}) == len(found)
    inputs = {one.type for controller in found for one in controller.inputs}
    assert check_graph(found, externals=inputs) == []
