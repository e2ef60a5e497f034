"""etcd without etcd: keys, revisions and leases on a fake clock, shared by as many clients as a test needs.

What it does is what the real one does as far as `check_keys` goes, which both have to pass.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from controllers.etcd.client import EtcdClient, KeyValue, Member, MemberStatus
from controllers.runtime.clock import Clock
from controllers.services.errors import RequestError

KEY = "/ophite/conformance"


@dataclass
class Cluster:
    """What all members have in common. `trouble`: why none of them answers about keys and leases."""

    clock: Clock
    members: list[Member] = field(default_factory=list)
    keys: dict[str, KeyValue] = field(default_factory=dict)
    leases: dict[int, tuple[float, float]] = field(default_factory=dict)
    """End and length of each."""
    down: set[str] = field(default_factory=set)
    """Client URLs where nobody answers."""
    revision: int = 1
    trouble: str = ""
    calls: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, clock: Clock, *names: str) -> "Cluster":
        """Return one with members of these names, whose ids are the same and whose URLs are `https://NAME`."""
        urls = {name: (f"https://{name}",) for name in names}
        return cls(clock, [Member(id=n, name=n, peer_urls=(), client_urls=urls[n], learner=False) for n in names])

    def client(self, url: str = "") -> "FakeEtcd":
        """Return a client of one member, the local one without `url`."""
        return FakeEtcd(self, url)

    def put(self, key: str, value: bytes, lease: int = 0) -> None:
        """Write a key as somebody else would."""
        self.revision += 1
        self.keys[key] = KeyValue(value=value, revision=self.revision, lease=lease)

    def expire(self) -> None:
        """Let time do its work."""
        over = {lease for lease, (end, _) in self.leases.items() if end <= self.clock.now()}
        for lease in over:
            self.end(lease)

    def end(self, lease: int) -> None:
        """End a lease, and its keys."""
        del self.leases[lease]
        self.keys = {key: one for key, one in self.keys.items() if one.lease != lease}


class FakeEtcd(EtcdClient):
    """One member. Every call lets others run before it takes effect, as a network does."""

    def __init__(self, cluster: Cluster, url: str = "") -> None:
        self._cluster, self._url = cluster, url

    async def _reach(self, what: str, *, data: bool = True) -> Cluster:
        await asyncio.sleep(0)
        self._cluster.calls.append(what)
        if self._url in self._cluster.down or (data and self._cluster.trouble):
            raise RequestError(self._cluster.trouble or "refused")
        self._cluster.expire()
        return self._cluster

    async def members(self, *, current: bool = False) -> list[Member]:
        return (await self._reach("members", data=False)).members

    async def remove(self, id_: str) -> None:
        cluster = await self._reach("remove", data=False)
        cluster.members = [one for one in cluster.members if one.id != id_]

    async def status(self) -> MemberStatus:
        await self._reach("status", data=False)
        numbers = {"db_size": 0, "db_size_in_use": 0, "raft_index": 0, "raft_term": 0}
        return MemberStatus(member_id="", leader="a", version="3.5.16", learner=False, errors=(), **numbers)

    async def get(self, key: str) -> KeyValue | None:
        return (await self._reach("get")).keys.get(key)

    async def put_if(self, key: str, value: bytes, *, revision: int, lease: int) -> bool:
        cluster = await self._reach("put")
        if not _is_at(cluster, key, revision):
            return False
        if lease not in cluster.leases:
            raise RequestError("etcdserver: requested lease not found")
        cluster.put(key, value, lease)
        return True

    async def delete_if(self, key: str, *, revision: int) -> bool:
        cluster = await self._reach("delete")
        if not _is_at(cluster, key, revision):
            return False
        cluster.revision += 1
        cluster.keys.pop(key, None)
        return True

    async def grant(self, seconds: float) -> int:
        cluster = await self._reach("grant")
        lease = 1000 + len(cluster.calls)
        cluster.leases[lease] = (cluster.clock.now() + seconds, seconds)
        return lease

    async def keep_alive(self, lease: int) -> bool:
        cluster = await self._reach("keep alive")
        if lease not in cluster.leases:
            return False
        _, seconds = cluster.leases[lease]
        cluster.leases[lease] = (cluster.clock.now() + seconds, seconds)
        return True

    async def revoke(self, lease: int) -> None:
        cluster = await self._reach("revoke")
        if lease not in cluster.leases:
            raise RequestError("etcdserver: requested lease not found")
        cluster.end(lease)


def _is_at(cluster: Cluster, key: str, revision: int) -> bool:
    found = cluster.keys.get(key)
    return (found.revision if found else 0) == revision


async def check_keys(client: EtcdClient, wait: Callable[[float], Awaitable[None]]) -> None:
    """What the lock relies on. In: `wait`, lets so many seconds pass (etcd itself takes a while to notice a lease's end)."""
    assert await client.get(KEY) is None
    lease = await client.grant(60)
    assert await client.put_if(KEY, b"one\0\xff", revision=0, lease=lease)
    first = await client.get(KEY)
    assert first is not None
    assert (first.value, first.lease) == (b"one\0\xff", lease)
    assert first.revision > 0

    assert not await client.put_if(KEY, b"two", revision=0, lease=lease), "it exists"
    assert not await client.put_if(KEY, b"two", revision=first.revision - 1, lease=lease), "another revision"
    assert not await client.delete_if(KEY, revision=first.revision - 1)
    assert await client.get(KEY) == first
    assert await client.put_if(KEY, b"one\0\xff", revision=first.revision, lease=lease), "the same value again"
    second = await client.get(KEY)
    assert second is not None
    assert second.revision > first.revision, "and it is another revision"

    assert await client.delete_if(KEY, revision=second.revision)
    assert await client.get(KEY) is None
    assert await client.put_if(KEY, b"three", revision=0, lease=lease)
    await client.revoke(lease)
    assert await client.get(KEY) is None, "a lease takes its keys with it"
    assert not await client.keep_alive(lease)
    with pytest.raises(RequestError, match="lease not found"):
        await client.revoke(lease)
    with pytest.raises(RequestError, match="lease not found"):
        await client.put_if(KEY, b"four", revision=0, lease=lease)
    await _check_time(client, wait)


async def _check_time(client: EtcdClient, wait: Callable[[float], Awaitable[None]]) -> None:
    """A lease that is kept alive goes on, one that is not ends."""
    lease = await client.grant(12)
    assert await client.put_if(KEY, b"five", revision=0, lease=lease)
    for _ in range(2):
        await wait(7)
        assert await client.keep_alive(lease)
    assert await client.get(KEY) is not None
    await wait(16)
    assert await client.get(KEY) is None
    assert not await client.keep_alive(lease)
