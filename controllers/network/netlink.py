"""The kernel's links, addresses and routes through a typed port: everything else here sees only these types.

What we make carries our protocol number (IFA_PROTO, rtm_protocol), so that what others made (the kernel, pod networks,
a provisioner) is never removed. Changes are heard by a bare multicast socket: its messages only ring a bell, the state
is always read anew. Trap: `import pyroute2` loads everything it has; a bare package object first avoids that.
"""

import asyncio
import errno
import importlib.util
import ipaddress
import socket
import sys
import types
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Protocol

from controllers.runtime.errors import RuntimeFault
from controllers.runtime.resource import Part

OPHITE_PROTOCOL = 0x70
"""Ours in IFA_PROTO and rtm_protocol; linux/rtnetlink.h and iproute2's rt_protos assign it to nobody."""

# linux/rtnetlink.h
RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE = 0x1, 0x10, 0x40
RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE = 0x100, 0x400
RT_TABLE_MAIN, RTN_UNICAST = 254, 1
# linux/if.h, linux/if_arp.h
IFF_UP, IFF_LOOPBACK, ARPHRD_ETHER = 0x1, 0x8, 1
_GROUPS = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host"}
_NETLINK_ROUTE = 0


class NetlinkFault(RuntimeFault):
    """The kernel refused a change."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"{what}: {errno.errorcode.get(code, str(code))}")
        self.code = code


class KernelLink(Part, frozen=True, kw_only=True):
    """A link. `kind` is empty for hardware; `state` is IF_OPER_* in lower case."""

    name: str
    index: int
    kind: str = ""
    physical: bool = False
    loopback: bool = False
    hardware_address: str = ""
    mtu: int = 0
    up: bool = False
    carrier: bool = False
    state: str = "unknown"


class KernelAddress(Part, frozen=True, kw_only=True):
    """An address in CIDR form on a link; `ours`: it carries our protocol number."""

    index: int
    address: str
    scope: str = "global"
    ours: bool = False


class KernelRoute(Part, frozen=True, kw_only=True):
    """A unicast route of the main table; `destination` in CIDR form or `default`."""

    index: int
    destination: str
    gateway: str = ""
    source: str = ""
    priority: int = 0
    protocol: int = 0

    @property
    def ours(self) -> bool:
        """Whether it carries our protocol number."""
        return self.protocol == OPHITE_PROTOCOL


class Netlink(Protocol):
    """What controllers need of the kernel. Changes raise `NetlinkFault`."""

    async def links(self) -> list[KernelLink]:
        """Return every link."""
        ...

    async def addresses(self) -> list[KernelAddress]:
        """Return every address."""
        ...

    async def routes(self) -> list[KernelRoute]:
        """Return every unicast route of the main table."""
        ...

    async def set_link(self, index: int, *, up: bool | None = None, mtu: int = 0) -> None:
        """Set a link up or down (None leaves it) and its MTU (0 leaves it)."""
        ...

    async def add_address(self, index: int, address: str) -> None:
        """Add an address with our protocol number; one that is there already is fine."""
        ...

    async def remove_address(self, index: int, address: str) -> None:
        """Remove an address; one that is not there is fine."""
        ...

    async def add_route(self, route: KernelRoute) -> None:
        """Add or replace a route with our protocol number."""
        ...

    async def remove_route(self, route: KernelRoute) -> None:
        """Remove a route; one that is not there is fine."""
        ...

    def changes(self) -> AsyncIterator[None]:
        """Yield after anything changed, at most once for everything that changed meanwhile."""
        ...

    async def close(self) -> None:
        """Release what it holds; it opens anew when needed."""
        ...


def load_pyroute2() -> None:
    """Make `pyroute2.iproute.linux` importable without the package's own `__init__` (100 modules instead of 350)."""
    if "pyroute2" in sys.modules:
        return
    spec = importlib.util.find_spec("pyroute2")
    if spec is None or spec.submodule_search_locations is None:
        raise RuntimeFault("pyroute2 is not installed", "install the node's packages")
    package = types.ModuleType("pyroute2")
    package.__path__ = list(spec.submodule_search_locations)
    package.__spec__ = spec
    sys.modules["pyroute2"] = package


class KernelNetlink:
    """The real port. One request socket, opened when first needed."""

    def __init__(self) -> None:
        self._route: Any = None
        self._lock = asyncio.Lock()

    def _open(self) -> Any:
        if self._route is None:
            load_pyroute2()
            from pyroute2.iproute.linux import AsyncIPRoute

            self._route = AsyncIPRoute()
        return self._route

    async def links(self) -> list[KernelLink]:
        """Return every link."""
        return [_link(message) for message in await self._dump("link")]

    async def addresses(self) -> list[KernelAddress]:
        """Return every address."""
        return [_address(message) for message in await self._dump("addr")]

    async def routes(self) -> list[KernelRoute]:
        """Return every unicast route of the main table."""
        found = []
        for family in (socket.AF_INET, socket.AF_INET6):
            messages = await self._dump("route", family=family)
            found += [_route(message) for message in messages if _is_plain_route(message)]
        return found

    async def set_link(self, index: int, *, up: bool | None = None, mtu: int = 0) -> None:
        """Set a link up or down (None leaves it) and its MTU (0 leaves it)."""
        wanted: dict[str, Any] = {"mtu": mtu} if mtu else {}
        if up is not None:
            wanted["state"] = "up" if up else "down"
        await self._call(f"link {index} {wanted}", "link", "set", index=index, **wanted)

    async def add_address(self, index: int, address: str) -> None:
        """Add an address with our protocol number; one that is there already is fine."""
        wanted = _address_fields(index, address) | {"proto": OPHITE_PROTOCOL}
        await self._call(f"address {address} on link {index}", "addr", "add", fine=(errno.EEXIST,), **wanted)

    async def remove_address(self, index: int, address: str) -> None:
        """Remove an address; one that is not there is fine."""
        wanted = _address_fields(index, address)
        fine = (errno.EADDRNOTAVAIL, errno.ENODEV)
        await self._call(f"no address {address} on link {index}", "addr", "del", fine=fine, **wanted)

    async def add_route(self, route: KernelRoute) -> None:
        """Add or replace a route with our protocol number."""
        wanted = _route_fields(route) | {"proto": OPHITE_PROTOCOL}
        await self._call(f"route {route.destination} via {route.gateway or route.index}", "route", "replace", **wanted)

    async def remove_route(self, route: KernelRoute) -> None:
        """Remove a route; one that is not there is fine."""
        wanted = _route_fields(route) | {"proto": route.protocol or OPHITE_PROTOCOL}
        fine = (errno.ESRCH, errno.ENODEV)
        await self._call(f"no route {route.destination}", "route", "del", fine=fine, **wanted)

    async def changes(self) -> AsyncIterator[None]:
        """Yield after anything changed. A full buffer (ENOBUFS) is a change like any other."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_ROUTE) as bell:
            bell.setblocking(False)
            bell.bind((0, _GROUPS))
            while True:
                try:
                    await loop.sock_recv(bell, 65536)
                    _drain(bell)
                except OSError as error:
                    if error.errno != errno.ENOBUFS:
                        raise
                yield

    async def close(self) -> None:
        """Close the request socket."""
        async with self._lock:
            if self._route is not None:
                await self._route.__aexit__(None, None, None)
                self._route = None

    async def _dump(self, what: str, **filters: Any) -> list[Any]:
        async with self._lock:
            return [message async for message in await getattr(self._open(), what)("dump", **filters)]

    async def _call(self, text: str, what: str, *args: str, fine: tuple[int, ...] = (), **wanted: Any) -> None:
        async with self._lock:
            request: Awaitable[Any] = getattr(self._open(), what)(*args, **wanted)
            from pyroute2.netlink.exceptions import NetlinkError

            try:
                await request
            except NetlinkError as error:
                if error.code not in fine:
                    raise NetlinkFault(text, error.code) from None


def _drain(bell: socket.socket) -> None:
    """Read what else is there, so that one change of many messages rings once."""
    for _ in range(1000):
        try:
            bell.recv(65536)
        except BlockingIOError:
            return


def _link(message: Any) -> KernelLink:
    flags = message.get("flags") or 0
    kind = message.get(("linkinfo", "kind")) or ""
    loopback = bool(flags & IFF_LOOPBACK)
    return KernelLink(
        name=message.get("ifname"),
        index=message.get("index"),
        kind=kind,
        physical=not kind and not loopback and message.get("ifi_type") == ARPHRD_ETHER,
        loopback=loopback,
        hardware_address=message.get("address") or "",
        mtu=message.get("mtu") or 0,
        up=bool(flags & IFF_UP),
        carrier=bool(message.get("carrier")),
        state=(message.get("operstate") or "unknown").lower(),
    )


def _address(message: Any) -> KernelAddress:
    address = message.get("local") or message.get("address")
    return KernelAddress(
        index=message.get("index"),
        address=f"{address}/{message.get('prefixlen')}",
        scope=_SCOPES.get(message.get("scope"), "global"),
        ours=message.get("proto") == OPHITE_PROTOCOL,
    )


def _is_plain_route(message: Any) -> bool:
    table = message.get("table")
    return bool(table == RT_TABLE_MAIN and message.get("type") == RTN_UNICAST and message.get("oif"))


def _route(message: Any) -> KernelRoute:
    destination = message.get("dst")
    return KernelRoute(
        index=message.get("oif"),
        destination=f"{destination}/{message.get('dst_len')}" if destination else "default",
        gateway=message.get("gateway") or "",
        source=message.get("prefsrc") or "",
        priority=message.get("priority") or 0,
        protocol=message.get("proto") or 0,
    )


def _address_fields(index: int, address: str) -> dict[str, Any]:
    interface = ipaddress.ip_interface(address)
    family = socket.AF_INET if interface.version == 4 else socket.AF_INET6
    fields = {"index": index, "address": str(interface.ip), "prefixlen": interface.network.prefixlen, "family": family}
    if interface.version == 4 and interface.network.prefixlen < 31:
        fields["broadcast"] = str(interface.network.broadcast_address)
    return fields


def _route_fields(route: KernelRoute) -> dict[str, Any]:
    version = ipaddress.ip_network(route.destination).version if route.destination != "default" else 0
    if not version:
        version = ipaddress.ip_address(route.gateway).version if route.gateway else 4
    everything = "0.0.0.0/0" if version == 4 else "::/0"
    fields: dict[str, Any] = {
        "dst": everything if route.destination == "default" else route.destination,
        "oif": route.index,
        "priority": route.priority,
        "family": socket.AF_INET if version == 4 else socket.AF_INET6,
        "table": RT_TABLE_MAIN,
    }
    if route.gateway:
        fields["gateway"] = route.gateway
    if route.source:
        fields["prefsrc"] = route.source
    return fields
