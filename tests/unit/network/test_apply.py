"""What appliers do to a kernel: only what is needed, and nothing to what others made."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from controllers.network.address_apply import GRACE_SECONDS, AddressApplyController
from controllers.network.hostname_apply import HostnameApplyController
from controllers.network.lease import Dhcp4Lease
from controllers.network.link_apply import LinkApplyController
from controllers.network.netlink import OPHITE_PROTOCOL, KernelAddress, KernelLink, KernelRoute, NetlinkFault
from controllers.network.operator_apply import OperatorApplyController
from controllers.network.route_apply import RouteApplyController
from controllers.resources.network import (
    NETWORK,
    AddressSpec,
    HostnameSpec,
    HostnameStatus,
    LinkSpec,
    LinkStatus,
    OperatorSpec,
    OperatorStatus,
    RouteSpec,
)
from controllers.runtime.controller import Controller
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, Spec, new
from tests.harness.clock import settle
from tests.harness.reconcile import run_reconcile, run_reconcile_async

ETH0 = KernelLink(name="eth0", index=2, mtu=1500, up=True, carrier=True)


class FakeNetlink:
    """A kernel in memory that writes down what is done to it. `refuse`: what it does not take."""

    def __init__(self, *links: KernelLink, refuse: str = "") -> None:
        self.known = list(links)
        self.present: list[KernelAddress] = []
        self.table: list[KernelRoute] = []
        self.done: list[str] = []
        self.refuse = refuse

    async def links(self) -> list[KernelLink]:
        return self.known

    async def addresses(self) -> list[KernelAddress]:
        return self.present

    async def routes(self) -> list[KernelRoute]:
        return self.table

    async def set_link(self, index: int, *, up: bool | None = None, mtu: int = 0) -> None:
        self._do(f"link {index} up={up} mtu={mtu}")

    async def add_address(self, index: int, address: str) -> None:
        self._do(f"+{address}")
        self.present.append(KernelAddress(index=index, address=address, ours=True))

    async def remove_address(self, index: int, address: str) -> None:
        self._do(f"-{address}")
        self.present = [one for one in self.present if one.address != address]

    async def add_route(self, route: KernelRoute) -> None:
        self._do(f"+{route.destination}")
        self.table.append(route)

    async def remove_route(self, route: KernelRoute) -> None:
        self._do(f"-{route.destination}")
        self.table.remove(route)

    async def changes(self) -> AsyncIterator[None]:
        for _ in ():
            yield

    async def close(self) -> None:
        self._do("close")

    def _do(self, what: str) -> None:
        if self.refuse and self.refuse in what:
            raise NetlinkFault(what, 22)
        self.done.append(what)


def merged(**specs: Spec) -> list[Resource[Any]]:
    return [new(id_, spec, namespace=NETWORK) for id_, spec in specs.items()]


async def test_links_are_changed_only_where_they_differ() -> None:
    kernel = FakeNetlink(ETH0, KernelLink(name="eth1", index=3, mtu=1500))
    controller = LinkApplyController(kernel)
    wanted = merged(a=LinkSpec(name="eth0"), b=LinkSpec(name="eth1", mtu=1400), c=LinkSpec(name="eth9"))
    await run_reconcile_async(controller, wanted)
    assert kernel.done == ["link 3 up=True mtu=1400"]


async def test_a_refusal_is_named_and_does_not_stop_the_others() -> None:
    kernel = FakeNetlink(KernelLink(name="eth0", index=2), KernelLink(name="eth1", index=3), refuse="link 2")
    with pytest.raises(Waiting, match=r"to accept link 2 up=True mtu=0: EINVAL"):
        await run_reconcile_async(LinkApplyController(kernel), merged(a=LinkSpec(name="eth0"), b=LinkSpec(name="eth1")))
    assert kernel.done == ["link 3 up=True mtu=0"]


async def test_addresses_come_and_go_and_foreign_ones_stay() -> None:
    kernel = FakeNetlink(ETH0)
    kernel.present = [KernelAddress(index=2, address="192.0.2.1/24")]
    controller = AddressApplyController(kernel)
    await run_reconcile_async(
        controller, merged(a=AddressSpec(address="192.0.2.2/24", link="eth0"), b=AddressSpec(address="::1/128", link="x"))
    )
    assert kernel.done == ["+192.0.2.2/24"]
    await run_reconcile_async(controller, [])
    assert kernel.done == ["+192.0.2.2/24", "-192.0.2.2/24"]
    assert [one.address for one in kernel.present] == ["192.0.2.1/24"]


async def test_what_an_earlier_brain_left_stays_for_a_while() -> None:
    kernel = FakeNetlink(ETH0)
    kernel.present = [KernelAddress(index=2, address="192.0.2.9/24", ours=True)]
    kernel.table = [KernelRoute(index=2, destination="default", gateway="192.0.2.1", protocol=OPHITE_PROTOCOL)]
    for controller in (AddressApplyController(kernel), RouteApplyController(kernel)):
        await run_reconcile_async(controller, [], now=50.0)
        await run_reconcile_async(controller, [], now=49.0 + GRACE_SECONDS)
        assert kernel.done == []
        await run_reconcile_async(controller, [], now=50.0 + GRACE_SECONDS)
        assert len(kernel.done) == 1
        kernel.done.clear()


async def test_routes_on_the_link_come_before_those_behind_a_gateway() -> None:
    kernel = FakeNetlink(ETH0)
    kernel.table = [KernelRoute(index=2, destination="203.0.113.0/24", gateway="192.0.2.1", protocol=4)]
    controller = RouteApplyController(kernel)
    await run_reconcile_async(
        controller,
        merged(
            a=RouteSpec(destination="0.0.0.0/0", link="eth0", gateway="198.51.100.1"),
            b=RouteSpec(destination="198.51.100.0/24", link="eth0"),
            c=RouteSpec(destination="10.0.0.0/8", link="down0"),
        ),
    )
    assert kernel.done == ["+198.51.100.0/24", "+default"]
    await run_reconcile_async(controller, [])
    assert [route.destination for route in kernel.table] == ["203.0.113.0/24"]


async def test_a_route_that_is_refused_is_named() -> None:
    spec = RouteSpec(destination="default", link="eth0", gateway="192.0.2.1")
    with pytest.raises(Waiting, match=r"\+default: EINVAL"):
        await run_reconcile_async(RouteApplyController(FakeNetlink(ETH0, refuse="+default")), merged(a=spec))


def test_the_host_name_is_set_once_and_told() -> None:
    names = ["old"]
    controller = HostnameApplyController(lambda: names[-1], names.append)
    for _ in range(2):
        (wanted,) = run_reconcile(controller, merged(hostname=HostnameSpec(hostname="new", domain="example.com")))
        assert wanted.spec == HostnameStatus(hostname="new", domain="example.com")
    assert names == ["old", "new"]


def test_a_kernel_that_refuses_the_name_is_told() -> None:
    def refuse(name: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    with pytest.raises(Waiting, match="host name new"):
        run_reconcile(HostnameApplyController(lambda: "old", refuse), merged(hostname=HostnameSpec(hostname="new")))


class FakeClient:
    """A DHCP client that a test drives. `running` counts runs that were not cancelled."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.state = "discovering"
        self.lease: Dhcp4Lease | None = None
        self.running = 0
        self.changed = changed

    async def run(self) -> None:
        import asyncio

        self.running += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.running -= 1


LEASE = Dhcp4Lease(
    address="192.0.2.50/24",
    server="192.0.2.1",
    gateway="192.0.2.1",
    nameservers=("192.0.2.53",),
    search_domains=("example.com",),
    timeservers=("192.0.2.123",),
    hostname="leased",
    domain="example.com",
    mtu=1400,
    expires=2000.0,
)


async def observe(controller: Controller, carrier: bool = True, now: float = 1000.0, up: bool = True) -> dict[str, Spec]:
    link = LinkStatus(name="eth0", index=2, up=up, carrier=carrier)
    resources = [*merged(**{"dhcp4/eth0": OperatorSpec(link="eth0", route_metric=77)}), new("eth0", link)]
    found = {wanted.id: wanted.spec for wanted in await run_reconcile_async(controller, resources, now=now)}
    await settle()
    return found


async def test_a_lease_becomes_specs_of_layer_operator() -> None:
    clients: list[FakeClient] = []
    controller = OperatorApplyController(lambda link, changed: clients.append(FakeClient(changed)) or clients[-1])  # type: ignore[func-returns-value] # append returns None, on purpose
    assert (await observe(controller, carrier=False))["dhcp4/eth0"] == OperatorStatus(link="eth0", state="no carrier")
    assert (await observe(controller, up=False))["dhcp4/eth0"] == OperatorStatus(link="eth0", state="link is down")
    assert clients[0].running == 0
    assert set(await observe(controller)) == {"dhcp4/eth0"}
    assert clients[0].running == 1
    clients[0].lease, clients[0].state = LEASE, "bound"
    found = await observe(controller)
    assert set(found) == {
        "dhcp4/eth0",
        "operator/eth0/192.0.2.50/24",
        "operator/eth0/default/77",
        "operator/eth0",
        "operator/dhcp4/eth0",
    }
    assert found["dhcp4/eth0"] == OperatorStatus(link="eth0", state="bound", address="192.0.2.50/24", server="192.0.2.1")
    assert found["operator/eth0/default/77"] == RouteSpec(
        destination="default", link="eth0", gateway="192.0.2.1", source="192.0.2.50", priority=77
    )
    pulled = await observe(controller, carrier=False)
    assert clients[0].running == 0
    assert "operator/eth0/192.0.2.50/24" in pulled
    assert set(await observe(controller, carrier=False, now=2000.0)) == {"dhcp4/eth0"}
    await observe(controller)
    await controller.close()
    assert clients[0].running == 0


async def test_a_wireless_link_asks_once_it_has_been_let_in() -> None:
    clients: list[FakeClient] = []
    controller = OperatorApplyController(lambda link, changed: clients.append(FakeClient(changed)) or clients[-1])  # type: ignore[func-returns-value] # append returns None, on purpose
    states = {}
    for state in ("dormant", "up"):
        link = LinkStatus(name="wlan0", index=3, up=True, carrier=True, operational_state=state)
        resources = [*merged(**{"dhcp4/wlan0": OperatorSpec(link="wlan0")}), new("wlan0", link)]
        [wanted] = await run_reconcile_async(controller, resources)
        await settle()
        assert isinstance(wanted.spec, OperatorStatus)
        states[state] = (wanted.spec.state, clients[0].running)
    assert states["dormant"] == ("not authenticated", 0)
    assert states["up"][1] == 1
    await controller.close()


async def test_a_link_that_should_no_longer_ask_stops() -> None:
    clients: list[FakeClient] = []
    controller = OperatorApplyController(lambda link, changed: clients.append(FakeClient(changed)) or clients[-1])  # type: ignore[func-returns-value] # append returns None, on purpose
    await observe(controller)
    assert await run_reconcile_async(controller, []) == []
    assert clients[0].running == 0
