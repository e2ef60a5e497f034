"""DHCPv4 on one link, for ever: pyroute2's client, restarted with backoff whenever it gets stuck or dies.

The lease is kept in the run directory, so that a restarted brain keeps its address at once and asks for the same one
again (RFC 2131, INIT-REBOOT). Traps of the library, each handled here: it installs signal handlers, releases the address
on exit, writes leases into the working directory, its state watchdog cancels itself, and a malformed packet ends its
receiver without a word.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from controllers.network.lease import Dhcp4Lease, parse_lease
from controllers.network.netlink import load_pyroute2
from controllers.runtime.clock import Clock

LOG = logging.getLogger(__name__)
ANSWER_SECONDS = 30.0
"""Without a lease after this long an attempt is given up and the next one begins with a new transaction."""
REBOOT_SECONDS = 8.0
"""How long to ask for the former lease before asking for any."""
FIRST_PAUSE, MAX_PAUSE = 1.0, 60.0


class Dhcp4Client:
    """One link's client. `state` and `lease` are what it knows; `changed` is called whenever they change."""

    def __init__(self, link: str, directory: Path, clock: Clock, changed: Callable[[], None]) -> None:
        self.link = link
        self.state = "discovering"
        self.lease: Dhcp4Lease | None = None
        self._path = directory / f"{link}.json"
        self._clock = clock
        self._changed = changed
        self._ack: dict[str, Any] = {}
        self._load()

    async def run(self) -> None:
        """Get a lease and keep it, until cancelled."""
        pause = FIRST_PAUSE
        if self.lease is None:
            self._set("discovering")
        while True:
            bound = await self._attempt()
            pause = FIRST_PAUSE if bound else min(pause * 2, MAX_PAUSE)
            self._expire()
            if self.lease is None:
                self._set("no answer" if not bound else "lost")
            await self._clock.sleep(pause)

    async def _attempt(self) -> bool:
        """Run the library's client until it dies, loses its lease or gets none; return whether it had one."""
        load_pyroute2()
        from controllers.network.dhcp4_session import run_session

        limit = REBOOT_SECONDS if self._ack else ANSWER_SECONDS
        try:
            bound = await run_session(self.link, self._ack, self._granted, limit)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a hostile packet may raise anything inside the library; the next attempt is the answer
            LOG.warning("DHCP client failed", extra={"link": self.link, "error": repr(error)})
            bound = False
        if not bound:
            self._ack = {}
        return bound

    def _granted(self, ack: dict[str, Any]) -> bool:
        """Take a new or renewed lease; return whether it can be used."""
        try:
            self.lease = parse_lease(ack.get("yiaddr"), ack.get("options") or {}, self._clock.now())
        except ValueError as error:
            LOG.warning("DHCP lease refused", extra={"link": self.link, "error": str(error)})
            return False
        self._ack = ack
        self._save()
        self._set("bound")
        return True

    def _expire(self) -> None:
        """Drop a lease that is over."""
        if self.lease is not None and 0 < self.lease.expires <= self._clock.now():
            self.lease, self._ack = None, {}
            self._path.unlink(missing_ok=True)

    def _set(self, state: str) -> None:
        self.state = state
        self._changed()

    def _save(self) -> None:
        """Keep the lease for a brain after this one. Failing to is no reason to lose it."""
        content = msgspec.json.encode({"ack": self._ack, "lease": self.lease}, enc_hook=repr)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new = self._path.with_suffix(".new")
            new.write_bytes(content)
            new.replace(self._path)
        except OSError as error:
            LOG.warning("DHCP lease not kept", extra={"link": self.link, "error": str(error)})

    def _load(self) -> None:
        """Take up the lease that an earlier brain had, if it still holds."""
        try:
            content = msgspec.json.decode(self._path.read_bytes())
            lease = msgspec.convert(content["lease"], Dhcp4Lease)
        except (OSError, ValueError, LookupError, TypeError):
            return
        if lease.expires == 0 or lease.expires > self._clock.now():
            self.lease, self._ack, self.state = lease, content["ack"], "bound"
