"""One member of etcd is away at a time: a lock in etcd itself, so that two that are asked in the same second do not both go.

One key, created by a transaction only where there is none, bound to a lease, with the holder's name in it. It is taken by
`check_quorum`, refreshed and released by `lifecycle.AbsenceController`; a holder that never returns loses it with its lease.
Traps: every change names the revision that it replaces, so nobody releases what was taken again meanwhile. What is in the
key was written by another machine and is shown cleaned. A key without a lease is no lock: nothing would ever end it.
"""

import contextlib
import time
from collections.abc import Iterable

import msgspec

from controllers.etcd.client import EtcdClient, KeyValue
from controllers.runtime.text import make_printable
from controllers.services.errors import RequestError

KEY = "/ophite/absence"
LEASE_SECONDS = 660.0
"""How long a lock outlives the last word of its holder, before patience: 185 s for every limit of a shutdown, 300 s for
firmware and boot loader (servers test their memory), 60 s until etcd is healthy again, 60 s since the last refreshment, and
a minute to spare. Safety does not depend on it: a member that is still away by then is not healthy, and that is counted.
An election gives leases their time again (etcd's lessor, `Promote`), so it may last longer, never shorter.
"""

ATTEMPTS = 3
"""So often a lock is tried that changed between looking and taking."""

VALUE_MAX, TEXT_MAX = 1024, 64
"""Bytes of a value that is read at all, characters of a text in it that are shown."""

_TIME_MAX = 253_402_300_800.0  # the year 10000: what comes later is no time


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who is away, or about to go. `member`: its id in hexadecimal; `since`: seconds since the epoch, by its own clock.

    A value that is none of ours has no member; its beginning is the `action`.
    """

    node: str = ""
    member: str = ""
    action: str = ""
    since: float = 0.0

    def describe(self) -> str:
        """Return it in words."""
        if not self.member:
            return f"etcd's key {KEY} is held by something unknown ({self.action!r})"
        since = render_time(self.since)
        return f"{self.node or 'a node'} (member {self.member}) is away or about to go: {self.action}, since {since}"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """The lock as it was found."""

    holder: Holder
    revision: int
    lease: int


class AbsenceLock:
    """The lock, by way of one member. Every method raises `RequestError` when etcd does not do what it is asked."""

    def __init__(self, client: EtcdClient, patience: float = 1.0) -> None:
        self._client = client
        self._seconds = LEASE_SECONDS * max(patience, 1.0)

    async def find(self) -> Held | None:
        """Return who holds it, None when nobody does."""
        found = await self._client.get(KEY)
        return _parse(found) if found is not None and found.lease else None

    async def take(self, holder: Holder) -> Holder | None:
        """Take it, and return None; or return who has it. What the same member has already is its own for longer."""
        for _ in range(ATTEMPTS):
            found = await self._client.get(KEY)
            held = _parse(found) if found is not None else None
            if held is not None and held.lease and held.holder.member != holder.member:
                return held.holder
            if await self._put(holder, held):
                return None
        raise RequestError("the lock of absences does not stay the same long enough to be taken")

    async def _put(self, holder: Holder, held: Held | None) -> bool:
        """Write the key over what was found; return False when that is something else by now."""
        revision, lease, granted = 0, 0, 0
        if held is not None:
            revision = held.revision
            if held.lease and await self._client.keep_alive(held.lease):
                lease, holder = held.lease, msgspec.structs.replace(holder, since=held.holder.since)
        if not lease:
            lease = granted = await self._client.grant(self._seconds)
        done = await self._client.put_if(KEY, msgspec.json.encode(holder), revision=revision, lease=lease)
        if not done and granted:
            await self._forget(granted)
        return done

    async def refresh(self, held: Held) -> None:
        """Have it for its full time from now."""
        await self._client.keep_alive(held.lease)

    async def release(self, held: Held) -> bool:
        """Give it back, unless it has changed since it was found; return whether it was given back."""
        done = await self._client.delete_if(KEY, revision=held.revision)
        if done:
            await self._forget(held.lease)
        return done

    async def _forget(self, lease: int) -> None:
        """End a lease that no key is bound to; it would end by itself."""
        with contextlib.suppress(RequestError):
            await self._client.revoke(lease)


async def release_through(clients: Iterable[EtcdClient], member: str) -> bool:
    """Give back the lock of a member that has left the cluster, by way of the first other one that answers.

    Returns whether one answered; if none does, the lease ends the lock.
    """
    for client in clients:
        lock = AbsenceLock(client)
        try:
            held = await lock.find()
            if held is not None and held.holder.member == member:
                await lock.release(held)
        except RequestError:
            continue
        return True
    return False


def render_time(seconds: float) -> str:
    """Return seconds since the epoch as a UTC time, to the second."""
    if not 0 < seconds < _TIME_MAX:
        return "an unknown time"
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _parse(found: KeyValue) -> Held:
    return Held(holder=parse_holder(found.value), revision=found.revision, lease=found.lease)


def parse_holder(value: bytes) -> Holder:
    """Return who the value names, with every text short and printable. Unknown fields are a newer version's, and ignored."""
    try:
        holder = msgspec.json.decode(value, type=Holder) if len(value) <= VALUE_MAX else None
    except (msgspec.MsgspecError, ValueError, RecursionError):  # the last: a thousand brackets
        holder = None
    if holder is None or not holder.member:
        return Holder(action=_clean(value[: TEXT_MAX * 4].decode(errors="replace")))
    node, member, action = _clean(holder.node), _clean(holder.member), _clean(holder.action)
    return Holder(node=node, member=member, action=action, since=holder.since)


def _clean(text: str) -> str:
    return make_printable(text[:TEXT_MAX])
