"""The lock of absences while a node goes and comes: kept for a reason, given back without one, whatever the end was."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from controllers.etcd import quorum
from controllers.etcd.lock import KEY, LEASE_SECONDS, AbsenceLock, Holder
from controllers.etcd.quorum import check_quorum
from controllers.lifecycle.absence_apply import GRACE, LOOK_INTERVAL, AbsenceController
from controllers.lifecycle.record import RECORD_KEY, UpgradeRecord, render_record
from controllers.lifecycle.transitions import State
from controllers.ports import Ports
from controllers.resources.kubernetes import EtcdLock, EtcdStatus
from controllers.resources.lifecycle import UPGRADE, UpgradePhase, UpgradeRequest, UpgradeStatus
from controllers.resources.machine import PowerRequest, ShutdownNotice
from controllers.resources.meta import MetaStatus, MetaValue
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.reset import RESET, ResetPhase, ResetRequest, ResetStatus
from controllers.runtime.errors import OperationError
from tests.harness.clock import settle
from tests.harness.engine import World
from tests.harness.fake_etcd import Cluster


class Member:
    """The node of member `a` in a cluster of three: its controller, its store, and what its API would ask."""

    def __init__(self, world: World, cluster: Cluster) -> None:
        self.world, self.cluster = world, cluster

    async def boot(self, *, healthy: bool = True) -> None:
        await self.world.put("etcd", CertificateRoot(certificate="", key=""))
        await self.world.put("etcd-client", Certificate(subject="", certificate="", key="", ca="etcd", not_after=0))
        await self.world.put("meta", MetaStatus(place="", durable=True))
        await self.world.put("etcd", EtcdStatus(healthy=healthy, member_id="a"))

    async def ask(self, action: str, **options: Any) -> None:
        await check_quorum(self.world.store, action=action, clock=self.world.clock, **options)
        await settle()

    async def upgrade(self, phase: UpgradePhase, name: str = "u1") -> None:
        await self.world.put(UPGRADE, UpgradeStatus(phase=phase, request=name))

    def is_locked(self) -> bool:
        """Return whether anybody holds it."""
        self.cluster.expire()
        return KEY in self.cluster.keys


@pytest.fixture
async def member(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Member]:
    clusters: list[Cluster] = []

    def make(root: Any, leaf: Any, timeout: float, *, url: str = "") -> Any:
        return clusters[0].client(url)

    monkeypatch.setattr(quorum, "make_client", make)
    world = World(AbsenceController(Ports(), make))
    clusters.append(Cluster.of(world.clock, "a", "b", "c"))
    async with world:
        yield Member(world, clusters[0])


async def test_a_reboot_from_the_request_until_the_node_is_back(member: Member) -> None:
    await member.boot()
    await member.ask("reboot")
    await member.world.put("power", PowerRequest(action="reboot"))
    shown = (await member.world.get(EtcdLock, "absence")).spec
    assert shown == EtcdLock(node="a", member="a", action="reboot", since="2027-01-15 08:00:00 UTC", own=True)
    await member.world.clock.advance(LEASE_SECONDS * 3)
    assert member.is_locked(), "refreshed while it still runs"

    await member.world.put("etcd", EtcdStatus(healthy=False, member_id="a"))
    await member.world.remove(PowerRequest, "power")
    await member.world.clock.advance(LEASE_SECONDS / 2)
    assert member.is_locked(), "not before its member is healthy again"
    await member.world.put("etcd", EtcdStatus(healthy=True, member_id="a"))
    await member.world.clock.advance(GRACE + 1)
    assert not member.is_locked()
    assert await member.world.ids(EtcdLock) == []
    assert member.cluster.leases == {}


async def test_a_holder_that_never_returns_loses_it(member: Member) -> None:
    await member.boot()
    await member.ask("poweroff")
    await member.world.put("power", PowerRequest(action="poweroff"))
    await member.world.put("etcd", EtcdStatus(healthy=False, member_id="a"))
    await member.world.clock.advance(LEASE_SECONDS - 1)
    assert member.is_locked()
    await member.world.clock.advance(2)
    assert not member.is_locked()


@pytest.mark.parametrize("phase", [UpgradePhase.FETCHING, UpgradePhase.CHECKING, UpgradePhase.DRAINING, UpgradePhase.ARMED])
async def test_an_upgrade_that_fails_gives_it_back(member: Member, phase: UpgradePhase) -> None:
    await member.boot()
    await member.ask("upgrade")
    await member.world.put(UPGRADE, UpgradeRequest(request="u1", source="uploaded"))
    await member.world.clock.advance(LEASE_SECONDS * 2)
    assert member.is_locked(), "asked for"
    await member.upgrade(phase)
    await member.world.clock.advance(LEASE_SECONDS * 2)
    assert member.is_locked(), "under way"
    await member.upgrade(UpgradePhase.FAILED)
    await member.world.clock.advance(GRACE + 1)
    assert not member.is_locked()


async def test_a_version_on_trial_keeps_it_until_it_has_proved_itself(member: Member) -> None:
    await AbsenceLock(member.cluster.client()).take(Holder(node="a", member="a", action="upgrade", since=1.0))
    await member.boot()
    await member.upgrade(UpgradePhase.VERIFYING)
    await member.world.clock.advance(LEASE_SECONDS * 2)
    assert member.is_locked(), "it reboots by itself when it fails"
    await member.upgrade(UpgradePhase.COMMITTED)
    await member.world.clock.advance(GRACE + 1)
    assert not member.is_locked()


async def test_an_upgrade_that_waits_for_a_reboot_holds_nobody_up(member: Member) -> None:
    await member.boot()
    await member.ask("upgrade")
    await member.world.put(UPGRADE, UpgradeRequest(request="u1", source="uploaded", stage=True))
    record = UpgradeRecord(state=State.TRYING, request="u1", staged=True)
    await member.world.put(RECORD_KEY, MetaValue(value=render_record(record)))
    await member.upgrade(UpgradePhase.WRITING)
    await member.world.clock.advance(LEASE_SECONDS * 2)
    assert member.is_locked()
    await member.upgrade(UpgradePhase.ARMED)
    await member.world.clock.advance(GRACE + 1)
    assert not member.is_locked()
    await member.ask("reboot")
    await member.world.put("power", PowerRequest(action="reboot"))
    await member.world.clock.advance(LEASE_SECONDS * 2)
    assert member.is_locked()


async def test_a_reset_that_fails_gives_it_back(member: Member) -> None:
    await member.boot()
    await member.ask("reset", absence=quorum.Absence.LEAVES)
    await member.world.put(RESET, ResetRequest(request="r1"))
    await member.world.put(RESET, ResetStatus(phase=ResetPhase.FAILED, request="r0"))
    await member.world.clock.advance(LEASE_SECONDS * 2)
    assert member.is_locked(), "another one had failed"
    await member.world.put(RESET, ResetStatus(phase=ResetPhase.FAILED, request="r1"))
    await member.world.clock.advance(GRACE + 1)
    assert not member.is_locked()


async def test_what_pid_1_takes_down_is_a_reason_as_well(member: Member) -> None:
    await member.boot()
    await member.ask("reboot")
    await member.world.put("init", ShutdownNotice(action="reboot"))
    await member.world.clock.advance(GRACE * 5)
    assert member.is_locked()


async def test_a_lock_without_a_request_is_given_back_after_a_moment(member: Member) -> None:
    """The brain died, or the request was refused, between the lock and the resource."""
    await member.boot()
    await member.ask("reboot")
    await member.world.clock.advance(LOOK_INTERVAL)
    await member.world.clock.advance(GRACE - 1)
    assert member.is_locked(), "the request may be about to come"
    await member.ask("reboot")
    await member.world.clock.advance(2)
    assert member.is_locked(), "asked for again: another moment"
    await member.world.clock.advance(LOOK_INTERVAL + GRACE)
    assert not member.is_locked()


async def test_nothing_is_judged_before_meta_was_read(member: Member) -> None:
    await AbsenceLock(member.cluster.client()).take(Holder(node="a", member="a", action="upgrade", since=1.0))
    await member.boot()
    await member.world.remove(MetaStatus, "meta")
    await member.world.clock.advance(GRACE * 5)
    assert member.is_locked()


async def test_the_lock_of_another_is_shown_and_left_alone(member: Member) -> None:
    await AbsenceLock(member.cluster.client()).take(Holder(node="cp2", member="b\x1b", action="upgrade", since=1.0))
    await member.boot()
    await member.world.clock.advance(GRACE * 5)
    shown = (await member.world.get(EtcdLock, "absence")).spec
    assert shown == EtcdLock(node="cp2", member="b?", action="upgrade", since="1970-01-01 00:00:01 UTC")
    assert "keep alive" not in member.cluster.calls
    with pytest.raises(OperationError, match="cp2"):
        await member.ask("reboot")
    await member.ask("reboot", force=True)
    await member.world.put("power", PowerRequest(action="reboot"))
    await member.world.clock.advance(LEASE_SECONDS + LOOK_INTERVAL)
    assert not member.is_locked(), "nobody refreshes what is another's"


async def test_an_etcd_that_does_not_answer_is_asked_again(member: Member) -> None:
    await member.boot()
    await member.ask("reboot")
    member.cluster.trouble = "etcdserver: request timed out"
    await member.world.clock.advance(LOOK_INTERVAL + 1)
    status = await member.world.status("lifecycle.AbsenceController")
    assert status.waits_for == "etcd's lock of absences: etcdserver: request timed out"
    member.cluster.trouble = ""
    await member.world.clock.advance(LOOK_INTERVAL + GRACE + 1)
    assert not member.is_locked()


async def test_a_worker_has_nothing_to_wait_for(member: Member) -> None:
    assert member.cluster.calls == []
    assert (await member.world.status("lifecycle.AbsenceController")).waits_for == ""
