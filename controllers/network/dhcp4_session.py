"""One run of pyroute2's DHCP client. Imported only after `netlink.load_pyroute2`, because it imports pyroute2."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from pyroute2.dhcp.client import AsyncDHCPClient, ClientConfig
from pyroute2.dhcp.enums.dhcp import Option
from pyroute2.dhcp.fsm import State
from pyroute2.dhcp.hooks import Trigger, hook
from pyroute2.dhcp.leases import Lease

Granted = Callable[[dict[str, Any]], bool]

REQUESTED = (
    Option.SUBNET_MASK,
    Option.ROUTER,
    Option.NAME_SERVER,
    Option.DOMAIN_NAME,
    Option.HOST_NAME,
    Option.INTERFACE_MTU,
    Option.NTP_SERVERS,
    Option.LEASE_TIME,
    Option.RENEWAL_TIME,
    Option.REBINDING_TIME,
)


async def run_session(link: str, known: dict[str, Any], granted: Granted, limit: float) -> bool:
    """Run one client until it dies, loses its lease, or has none after `limit` seconds; return whether it had one.

    In: `known`, the acknowledgement of a former lease to ask for again (empty: none); `granted` is called with every
    acknowledgement and says whether it can be used.
    """
    bound = asyncio.Event()
    over = asyncio.Event()

    class RunLease(Lease):  # type: ignore[misc] # pyroute2 ships no types
        """A lease that reports itself; the library calls `dump` for every acknowledgement."""

        def dump(self) -> None:
            (bound if granted(dict(self.ack)) else over).set()

        @classmethod
        def load(cls, interface: str) -> "RunLease | None":
            return cls(ack=known, interface=interface, server_mac="ff:ff:ff:ff:ff:ff") if known else None

    @hook(Trigger.EXPIRED, Trigger.UNBOUND)  # type: ignore[untyped-decorator] # pyroute2 ships no types
    async def lost(lease: object) -> None:
        del lease
        over.set()

    config = ClientConfig(
        interface=link,
        lease_type=RunLease,
        hooks=[lost],
        requested_parameters=REQUESTED,
        timeouts={},
        release=False,
        handle_signals=False,
        vendor_id="ophite",
        host_name=None,
    )
    client = AsyncDHCPClient(config)
    with contextlib.closing(client._sock):
        return await _follow(client, bound, over, limit)


async def _follow(client: AsyncDHCPClient, bound: asyncio.Event, over: asyncio.Event, limit: float) -> bool:
    """Run a client until it is over; return whether it was bound."""
    async with client:
        died: asyncio.Future[Any] = asyncio.gather(client._receiver_task, client._sender_task)
        if client.state in (State.INIT, State.INIT_REBOOT):
            await client.bootstrap()
        waiting: asyncio.Future[Any] = asyncio.ensure_future(bound.wait())
        ending: asyncio.Future[Any] = asyncio.ensure_future(over.wait())
        try:
            await asyncio.wait({waiting, ending, died}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if bound.is_set():
                await asyncio.wait({ending, died}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            ending.cancel()
            died.add_done_callback(lambda future: future.cancelled() or future.exception())
    return bound.is_set()
