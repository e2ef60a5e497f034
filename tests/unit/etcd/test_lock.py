"""The lock of absences: who gets it, how long it lasts, who may give it back, and what else may be in its key."""

import asyncio

import msgspec
import pytest

from controllers.etcd.lock import KEY, LEASE_SECONDS, AbsenceLock, Holder, parse_holder, release_through, render_time
from controllers.services.errors import RequestError
from tests.harness.clock import FakeClock
from tests.harness.fake_etcd import Cluster


def holder(name: str, action: str = "upgrade", since: float = 1_800_000_000.0) -> Holder:
    return Holder(node=name, member=name, action=action, since=since)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cluster(clock: FakeClock) -> Cluster:
    return Cluster.of(clock, "a", "b", "c")


async def test_of_two_in_the_same_moment_one_gets_it(cluster: Cluster) -> None:
    one, other = (AbsenceLock(cluster.client()) for _ in range(2))
    found = await asyncio.gather(one.take(holder("a")), other.take(holder("b")))
    assert cluster.calls[:2] == ["get", "get"], "both saw that nobody had it"
    [winner] = [name for name, refused in zip("ab", found, strict=True) if refused is None]
    [refused] = [refused for refused in found if refused is not None]
    assert refused == holder(winner)
    assert len(cluster.leases) == 1, "the lease that was granted for nothing is gone"


async def test_it_ends_with_its_lease_unless_it_is_refreshed(cluster: Cluster, clock: FakeClock) -> None:
    lock = AbsenceLock(cluster.client())
    assert await lock.take(holder("a")) is None
    for _ in range(3):
        await clock.advance(LEASE_SECONDS - 1)
        held = await lock.find()
        assert held is not None
        await lock.refresh(held)
    assert await lock.take(holder("b")) == holder("a")
    await clock.advance(LEASE_SECONDS + 1)
    assert await lock.find() is None
    assert await lock.take(holder("b")) is None


async def test_patience_makes_it_last_longer(cluster: Cluster, clock: FakeClock) -> None:
    lock = AbsenceLock(cluster.client(), 20.0)
    assert await lock.take(holder("a")) is None
    await clock.advance(LEASE_SECONDS * 20 - 1)
    assert await lock.find() is not None
    await clock.advance(1)
    assert await lock.find() is None


async def test_the_same_member_has_it_for_longer_and_since_the_beginning(cluster: Cluster, clock: FakeClock) -> None:
    lock = AbsenceLock(cluster.client())
    assert await lock.take(holder("a", "upgrade", 5.0)) is None
    before = await lock.find()
    await clock.advance(LEASE_SECONDS / 2)
    assert await lock.take(holder("a", "reboot", 9.0)) is None
    held = await lock.find()
    assert before is not None
    assert held is not None
    assert held.holder == holder("a", "reboot", 5.0)
    assert (held.lease, len(cluster.leases)) == (before.lease, 1)
    await clock.advance(LEASE_SECONDS - 1)
    assert await lock.find() == held


async def test_what_was_taken_again_is_not_given_back(cluster: Cluster) -> None:
    lock = AbsenceLock(cluster.client())
    await lock.take(holder("a"))
    seen = await lock.find()
    assert seen is not None
    await lock.take(holder("a", "reboot"))
    assert not await lock.release(seen)
    again = await lock.find()
    assert again is not None
    assert await lock.release(again)
    assert await lock.find() is None
    assert cluster.leases == {}


async def test_an_etcd_that_does_not_answer_is_an_error(cluster: Cluster) -> None:
    cluster.trouble = "etcdserver: request timed out"
    with pytest.raises(RequestError, match="timed out"):
        await AbsenceLock(cluster.client()).take(holder("a"))


async def test_a_key_that_changes_all_the_time_is_given_up(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    client = cluster.client()

    async def too_late(*_: object, **__: object) -> bool:
        return False

    monkeypatch.setattr(client, "put_if", too_late)
    with pytest.raises(RequestError, match="does not stay the same"):
        await AbsenceLock(client).take(holder("a"))
    assert cluster.leases == {}


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff\x00\x1b[2J",
        b"[1]",
        b'{"node": 5, "member": "b"}',
        b'{"node": "cp1"}',
        b'{"member": "b", "node": "' + b"x" * 2000 + b'"}',
        b'{"member": "b", "since": "now"}',
        b"{" * 100_000,
        b'{"member": "b", "new": ' + b"[" * 1000,
    ],
)
async def test_what_is_none_of_ours_is_held_by_somebody_unknown(cluster: Cluster, value: bytes) -> None:
    lease = await cluster.client().grant(60)
    cluster.put(KEY, value, lease)
    refused = await AbsenceLock(cluster.client()).take(holder("a"))
    assert refused is not None
    assert (refused.member, refused.node) == ("", "")
    text = refused.describe()
    assert f"{KEY} is held by something unknown" in text
    assert text.isprintable()
    assert len(text) < 200


def test_what_another_machine_wrote_is_cut_and_cleaned() -> None:
    value = {"node": "cp1\x1b[31m" + "x" * 200, "member": "b\n", "action": "up\u202egrade", "since": 1e300, "new": [1]}
    found = parse_holder(msgspec.json.encode(value))
    assert found.node == "cp1?[31m" + "x" * 56
    assert (found.member, found.action) == ("b?", "up?grade")
    assert "since an unknown time" in found.describe()
    assert found.describe().isprintable()


def test_times() -> None:
    assert render_time(1_800_000_000.9) == "2027-01-15 08:00:00 UTC"
    assert render_time(0.0) == render_time(-1.0) == render_time(253_402_300_800.0) == "an unknown time"


async def test_a_key_without_a_lease_is_no_lock(cluster: Cluster) -> None:
    cluster.put(KEY, msgspec.json.encode(holder("b")))
    lock = AbsenceLock(cluster.client())
    assert await lock.find() is None
    assert await lock.take(holder("a")) is None
    held = await lock.find()
    assert held is not None
    assert held.holder == holder("a")


async def test_a_member_that_has_left_is_seen_to_by_the_others(cluster: Cluster) -> None:
    await AbsenceLock(cluster.client()).take(holder("a"))
    cluster.down = {"https://b"}
    assert not await release_through([cluster.client("https://b")], "a")
    assert KEY in cluster.keys
    others = [cluster.client("https://b"), cluster.client("https://c")]
    assert await release_through(others, "b")
    assert KEY in cluster.keys, "it is not b's"
    assert await release_through(others, "a")
    assert KEY not in cluster.keys
