"""OperatorApplyController: run a DHCP client per OperatorSpec and publish what it learns as specs of layer operator.

A client runs while its link is up and can carry packets: a cable is in it, or its wireless network has been joined. A lease
outlives a pulled cable, until it is over.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Protocol

from controllers.network.address_config import wanted_address
from controllers.network.layers import layered_id
from controllers.network.lease import Dhcp4Lease
from controllers.network.route_config import wanted_route
from controllers.resources.network import (
    NETWORK,
    NETWORK_CONFIG,
    AddressSpec,
    HostnameSpec,
    Layer,
    LinkSpec,
    LinkStatus,
    OperatorSpec,
    OperatorStatus,
    ResolverSpec,
    RouteSpec,
    TimeServerSpec,
)
from controllers.runtime.controller import SHARED, STRONG, Controller, Input, Output, View, Wanted

DORMANT = "dormant"
"""IF_OPER_DORMANT, linux/if.h: there is a carrier, but whoever guards the network (802.1X, WPA) has not let the link in yet."""


class Client(Protocol):
    """What runs on a link."""

    state: str
    lease: Dhcp4Lease | None

    async def run(self) -> None:
        """Get a lease and keep it, until cancelled."""
        ...


Factory = Callable[[str, Callable[[], None]], Client]
"""Makes the client of a link; the second argument is called when its state or lease changed."""


class OperatorApplyController(Controller):
    """OperatorSpec and LinkStatus → OperatorStatus, and addresses, routes, names and servers of layer operator."""

    name = "network.OperatorApplyController"
    inputs = (Input(OperatorSpec, NETWORK, kind=STRONG), Input(LinkStatus))
    outputs = (
        Output(OperatorStatus),
        Output(LinkSpec, NETWORK_CONFIG, SHARED),
        Output(AddressSpec, NETWORK_CONFIG, SHARED),
        Output(RouteSpec, NETWORK_CONFIG, SHARED),
        Output(ResolverSpec, NETWORK_CONFIG, SHARED),
        Output(HostnameSpec, NETWORK_CONFIG, SHARED),
        Output(TimeServerSpec, NETWORK_CONFIG, SHARED),
    )

    def __init__(self, factory: Factory) -> None:
        self._factory = factory
        self._clients: dict[str, Client] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake: Callable[[], None] = lambda: None

    async def run(self, wake: Callable[[], None]) -> None:
        """Hand `wake` to the clients."""
        self._wake = wake
        wake()
        await asyncio.Event().wait()

    async def reconcile(self, view: View) -> list[Wanted]:
        links = {link.id: link.spec for link in view.list(LinkStatus)}
        specs = {operator.spec.link: operator.spec for operator in view.list(OperatorSpec)}
        for name in [name for name in self._clients if name not in specs]:
            await self._stop(name)
            del self._clients[name]
        wanted: list[Wanted] = []
        for name, spec in specs.items():
            if name not in self._clients:
                self._clients[name] = self._factory(name, lambda: self._wake())
            link = links.get(name)
            blocked = _blocker(link)
            if blocked:
                await self._stop(name)
            else:
                self._start(name)
            client = self._clients[name]
            lease = _current(client.lease, view)
            wanted.append(_status(spec, blocked or client.state, lease))
            if lease is not None:
                wanted += _settings(spec, lease)
        return wanted

    async def close(self) -> None:
        """Stop every client; addresses stay."""
        for name in list(self._tasks):
            await self._stop(name)

    def _start(self, name: str) -> None:
        task = self._tasks.get(name)
        if task is None or task.done():
            self._tasks[name] = asyncio.create_task(self._clients[name].run(), name=f"dhcp4 {name}")

    async def _stop(self, name: str) -> None:
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task}, timeout=5)


def _blocker(link: LinkStatus | None) -> str:
    """Return why a client cannot run, or nothing."""
    if link is None:
        return "no such link"
    if not link.up:
        return "link is down"
    if not link.carrier:
        return "no carrier"
    return "not authenticated" if link.operational_state == DORMANT else ""


def _current(lease: Dhcp4Lease | None, view: View) -> Dhcp4Lease | None:
    """Return a lease that still holds, and ask to be woken when it ends."""
    if lease is None or lease.expires == 0:
        return lease
    if lease.expires <= view.now:
        return None
    view.wake_after(lease.expires - view.now)
    return lease


def _status(spec: OperatorSpec, state: str, lease: Dhcp4Lease | None) -> Wanted:
    status = OperatorStatus(
        link=spec.link, state=state, address=lease.address if lease else "", server=lease.server if lease else ""
    )
    return Wanted(f"{spec.operator}/{spec.link}", status)


def _settings(spec: OperatorSpec, lease: Dhcp4Lease) -> Iterator[Wanted]:
    """Yield what a lease says as specs of layer operator."""
    id_ = layered_id(Layer.OPERATOR, f"{spec.operator}/{spec.link}")
    yield wanted_address(Layer.OPERATOR, AddressSpec(address=lease.address, link=spec.link))
    if lease.gateway:
        source = lease.address.partition("/")[0]
        route = RouteSpec(
            destination="default",
            link=spec.link,
            gateway=lease.gateway,
            source=source,
            priority=spec.route_metric,
        )
        yield wanted_route(Layer.OPERATOR, route)
    if lease.mtu:
        yield Wanted(layered_id(Layer.OPERATOR, spec.link), LinkSpec(name=spec.link, mtu=lease.mtu), NETWORK_CONFIG)
    if lease.nameservers or lease.search_domains:
        resolver = ResolverSpec(servers=lease.nameservers, search_domains=lease.search_domains)
        yield Wanted(id_, resolver, NETWORK_CONFIG)
    if lease.hostname:
        host, _, domain = lease.hostname.partition(".")
        yield Wanted(id_, HostnameSpec(hostname=host, domain=domain or lease.domain), NETWORK_CONFIG)
    if lease.timeservers:
        yield Wanted(id_, TimeServerSpec(servers=lease.timeservers), NETWORK_CONFIG)
