"""From documents, command line and defaults to layered specs."""

from pathlib import Path
from typing import Any

import pytest

from controllers.config.documents import (
    DHCPv4Config,
    HostnameConfig,
    LinkConfig,
    ResolverConfig,
    RouteConfig,
    TimeSyncConfig,
    WifiConfig,
)
from controllers.network.address_config import AddressConfigController
from controllers.network.hostname_config import HostnameConfigController
from controllers.network.ip_parameter import IpParameter, parse_ip_parameter
from controllers.network.link_config import LinkConfigController
from controllers.network.operator_config import OperatorConfigController
from controllers.network.resolver_config import ResolverConfigController
from controllers.network.route_config import RouteConfigController
from controllers.network.stable_name import make_stable_name
from controllers.network.timeserver_config import TimeServerConfigController
from controllers.ports import Paths, Ports
from controllers.resources.machine import NodeIdentity, PlatformInfo
from controllers.resources.network import LinkSpec, LinkStatus, OperatorSpec, RouteSpec
from controllers.runtime.controller import Controller
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, Spec, new
from tests.harness.reconcile import run_reconcile

LO = LinkStatus(name="lo", index=1, kind="loopback")
ETH0 = LinkStatus(name="eth0", index=2, physical=True, hardware_address="02:00:00:00:00:01")
ETH1 = LinkStatus(name="eth1", index=3, physical=True, hardware_address="02:00:00:00:00:02")
VETH = LinkStatus(name="eth0", index=2, kind="veth", hardware_address="02:00:00:00:00:03")
METAL = PlatformInfo(platform="metal")
IDENTITY = NodeIdentity(node_id="0f" * 16, machine_id="1e" * 16)
IDS = {PlatformInfo: "platform", NodeIdentity: "node"}
STATIC = LinkConfig(
    name="eth0", addresses=("192.0.2.10/24",), routes=(RouteConfig(destination="default", gateway="192.0.2.1"),)
)
IP = "192.0.2.20::192.0.2.1:255.255.255.0:booted:eth1:off:192.0.2.2:0.0.0.0:192.0.2.3"


def make_ports(ip: str = "", root: Path = Path("/nonexistent"), **more: str) -> Ports:
    return Ports(paths=Paths(root), cmdline={"ip": ip} | {key.replace("_", "."): value for key, value in more.items()})


def wants(controller: Controller, *specs: Spec) -> dict[str, Spec]:
    resources: list[Resource[Any]] = []
    for spec in specs:
        id_ = IDS.get(type(spec)) or str(getattr(spec, "id", "") or getattr(spec, "name", "default"))
        resources.append(new(id_, spec))
    return {wanted.id: wanted.spec for wanted in run_reconcile(controller, resources)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", IpParameter()),
        ("dhcp", IpParameter()),
        ("off", IpParameter(dhcp=False)),
        (":::::eth0:dhcp", IpParameter(device="eth0")),
        (":::::eth0:none", IpParameter(device="eth0", dhcp=False)),
        (
            IP,
            IpParameter(
                address="192.0.2.20/24",
                gateway="192.0.2.1",
                hostname="booted",
                device="eth1",
                dhcp=False,
                nameservers=("192.0.2.2",),
                timeservers=("192.0.2.3",),
            ),
        ),
        ("192.0.2.20::::::", IpParameter(address="192.0.2.20/32", dhcp=False)),
        ("x::y:z:a_b:" + "d" * 20, IpParameter()),
        (":" * 500, IpParameter()),
    ],
)
def test_ip_parameter(text: str, expected: IpParameter) -> None:
    assert parse_ip_parameter(text) == expected


def test_physical_links_loopback_and_the_named_one_are_up() -> None:
    assert wants(LinkConfigController(make_ports()), LO, ETH0) == {
        "default/lo": LinkSpec(name="lo"),
        "default/eth0": LinkSpec(name="eth0"),
    }
    assert wants(LinkConfigController(make_ports()), VETH) == {}
    named = LinkConfigController(make_ports("192.0.2.20::192.0.2.1:255.255.255.0::eth0:off"))
    assert wants(named, VETH) == {"cmdline/eth0": LinkSpec(name="eth0")}
    down = wants(LinkConfigController(make_ports()), LinkConfig(name="eth0", up=False, mtu=9000))
    assert down == {"configuration/eth0": LinkSpec(name="eth0", up=False, mtu=9000)}


def test_addresses() -> None:
    found = wants(AddressConfigController(make_ports(IP)), STATIC, ETH0, ETH1)
    assert list(found) == [
        "default/lo/127.0.0.1/8",
        "default/lo/::1/128",
        "cmdline/eth1/192.0.2.20/24",
        "configuration/eth0/192.0.2.10/24",
    ]
    unnamed = AddressConfigController(make_ports("192.0.2.20::::::"))
    assert "cmdline/eth0/192.0.2.20/32" in wants(unnamed, ETH1, ETH0)
    assert not [id_ for id_ in wants(unnamed, LO) if id_.startswith("cmdline")]


def test_routes() -> None:
    found = wants(RouteConfigController(make_ports(IP)), STATIC, ETH0)
    assert found == {
        "cmdline/eth1/default/1024": RouteSpec(destination="default", link="eth1", gateway="192.0.2.1"),
        "configuration/eth0/default/1024": RouteSpec(destination="default", link="eth0", gateway="192.0.2.1"),
    }


@pytest.mark.parametrize(
    ("ip", "specs", "expected"),
    [
        ("", (METAL, ETH0, ETH1, LO), {"default/dhcp4/eth0", "default/dhcp4/eth1"}),
        ("", (METAL, ETH0, ETH1, STATIC), {"default/dhcp4/eth1"}),
        ("", (METAL, ETH0, STATIC, DHCPv4Config(name="eth0")), {"configuration/dhcp4/eth0"}),
        ("", (METAL, ETH0, DHCPv4Config(name="eth0", ignore=True)), set()),
        ("", (METAL, ETH0, LinkConfig(name="eth0", up=False)), set()),
        ("", (METAL, VETH), set()),
        ("off", (METAL, ETH0, ETH1), set()),
        (IP, (METAL, ETH0, ETH1), {"default/dhcp4/eth0"}),
        ("", (PlatformInfo(platform="namespaces"), ETH0), set()),
        ("", (PlatformInfo(platform="namespaces"), VETH, DHCPv4Config(name="eth0")), {"configuration/dhcp4/eth0"}),
    ],
)
def test_where_dhcp_runs(ip: str, specs: tuple[Spec, ...], expected: set[str]) -> None:
    assert set(wants(OperatorConfigController(make_ports(ip)), *specs)) == expected


def test_a_cable_goes_before_wifi_unless_a_document_says_otherwise() -> None:
    wlan0 = LinkStatus(name="wlan0", index=4, physical=True)
    controller = OperatorConfigController(make_ports())
    found = wants(controller, METAL, ETH0, wlan0, WifiConfig.example())
    assert found["default/dhcp4/eth0"] == OperatorSpec(link="eth0", route_metric=1024)
    assert found["default/dhcp4/wlan0"] == OperatorSpec(link="wlan0", route_metric=2048)
    asked = wants(controller, METAL, wlan0, WifiConfig.example(), DHCPv4Config(name="wlan0", route_metric=5))
    assert asked["configuration/dhcp4/wlan0"] == OperatorSpec(link="wlan0", route_metric=5)


def test_dhcp_waits_for_the_platform() -> None:
    with pytest.raises(Waiting, match="PlatformInfo"):
        wants(OperatorConfigController(make_ports()), ETH0)


def names(controller: Controller, *specs: Spec) -> dict[str, str]:
    return {id_: f"{spec.hostname}.{spec.domain}" for id_, spec in wants(controller, *specs).items()}  # type: ignore[attr-defined]


def test_host_names_by_layer() -> None:
    stable = make_stable_name(IDENTITY.node_id)
    assert names(HostnameConfigController(make_ports()), METAL, IDENTITY) == {"default/hostname": f"{stable}."}
    found = names(HostnameConfigController(make_ports(IP)), METAL, IDENTITY, HostnameConfig(hostname="N1.Example.com"))
    assert found["cmdline/hostname"] == "booted."
    assert found["configuration/hostname"] == "n1.example.com"
    given = names(HostnameConfigController(make_ports(IP, ophite_hostname="given.example")), METAL, IDENTITY)
    assert given["cmdline/hostname"] == "given.example"
    auto = names(HostnameConfigController(make_ports()), METAL, IDENTITY, HostnameConfig(auto="stable"))
    assert auto["configuration/hostname"] == f"{stable}."


@pytest.mark.parametrize(
    ("product", "counts"),
    [("4c4c4544-0042-3510", True), ("00000000-0000-0000-0000-000000000000", False), ("ffffffff-ffff", False), ("", False)],
)
def test_the_firmwares_id_counts_if_it_is_a_real_one(tmp_path: Path, product: str, counts: bool) -> None:
    path = tmp_path / "sys/class/dmi/id/product_uuid"
    path.parent.mkdir(parents=True)
    path.write_text(f"{product}\n")
    ports = make_ports(root=tmp_path)
    expected = make_stable_name(product if counts else IDENTITY.node_id)
    assert names(HostnameConfigController(ports), METAL, IDENTITY) == {"default/hostname": f"{expected}."}
    node = names(HostnameConfigController(ports), PlatformInfo(platform="namespaces"), IDENTITY)
    assert node == {"default/hostname": f"{make_stable_name(IDENTITY.node_id)}."}


def test_only_a_machine_that_nobody_named_waits_for_its_identity() -> None:
    with pytest.raises(Waiting, match="NodeIdentity/node"):
        names(HostnameConfigController(make_ports()), METAL)
    named = names(HostnameConfigController(make_ports()), METAL, HostnameConfig(hostname="n1"))
    assert named == {"configuration/hostname": "n1."}
    booted = names(HostnameConfigController(make_ports(IP)), METAL, HostnameConfig(auto="stable"))
    assert booted == {"cmdline/hostname": "booted."}


def test_resolvers_and_time_servers() -> None:
    resolvers = wants(ResolverConfigController(make_ports(IP)), ResolverConfig(nameservers=("192.0.2.9",)))
    assert {id_: spec.servers for id_, spec in resolvers.items()} == {  # type: ignore[attr-defined]
        "cmdline/resolvers": ("192.0.2.2",),
        "configuration/resolvers": ("192.0.2.9",),
    }
    servers = wants(TimeServerConfigController(make_ports(IP)), TimeSyncConfig(servers=("a",)))
    assert {id_: spec.servers for id_, spec in servers.items()} == {  # type: ignore[attr-defined]
        "default/timeservers": ("pool.ntp.org",),
        "cmdline/timeservers": ("192.0.2.3",),
        "configuration/timeservers": ("a",),
    }
    assert set(wants(TimeServerConfigController(make_ports()), TimeSyncConfig())) == {"default/timeservers"}
