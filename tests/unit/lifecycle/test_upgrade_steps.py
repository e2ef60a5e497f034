"""The table of steps: what each refuses, what `force` changes, and the drain among them."""

import asyncio
from typing import Any

import pytest

from controllers.lifecycle import upgrade_steps
from controllers.lifecycle.errors import LifecycleFault
from controllers.lifecycle.ports import Opened
from controllers.lifecycle.progress import Progress
from controllers.lifecycle.record import UpgradeRecord
from controllers.lifecycle.transitions import State
from controllers.lifecycle.upgrade_steps import (
    ROLLBACK_STEPS,
    UPGRADE_STEPS,
    Node,
    Work,
    drain_node,
    find_slots,
    plan_steps,
    run_steps,
)
from controllers.resources.kubernetes import EtcdStatus
from controllers.resources.lifecycle import UpgradePhase, UpgradeRequest
from controllers.resources.machine import MachineStatus, Stage, VersionInfo
from controllers.runtime.clock import Clock
from controllers.runtime.errors import OperationError
from controllers.runtime.resource import new
from controllers.runtime.store import Store
from tests.harness.clock import FakeClock
from tests.unit.lifecycle.machine import BUNDLE, NEW, OLD, Disk, FakeBundles, FakeSlots
from tests.unit.lifecycle.test_drain import FakeApi, pod

VERSION = VersionInfo(version="1", kubernetes="1.36.0", kernel="6.12", board="generic", arch="amd64")


class Bench:
    """A `Work` on a fake disk."""

    def __init__(self, disk: Disk, api: FakeApi | None = None, **options: Any) -> None:
        self.saved: list[UpgradeRecord] = []
        self.shown: list[str] = []
        self.clock = FakeClock()
        self.progress = Progress(self.clock, lambda: self.shown.append(self.progress.step))
        node = Node(
            VERSION, MachineStatus(stage=Stage.RUNNING, ready=True), OLD, "boot", (), "n1" if api else "", api, ("quiet",)
        )
        self.work = Work(
            request=UpgradeRequest(request="r1", source="https://h/b", **options),
            record=UpgradeRecord(state=State.PREPARING, request="r1"),
            node=node,
            bundles=FakeBundles(disk, Opened(BUNDLE, "2", NEW)),
            slots=FakeSlots(disk),
            clock=self.clock,
            progress=self.progress,
            patience=1.0,
            save=self.save,
            found={},
        )

    async def save(self, record: UpgradeRecord) -> None:
        self.saved.append(record)


async def test_the_record_names_the_phase_before_anything_of_it_is_done() -> None:
    bench = Bench(Disk())
    await run_steps(bench.work)
    steps = [record.step for record in bench.saved]
    assert list(dict.fromkeys(steps)) == ["fetching", "checking", "draining", "writing", "armed"]
    last = bench.saved[-1]
    assert (last.state, last.slot, last.root_hash, last.to_version, last.boot_id) == (State.TRYING, "b", NEW, "2", "boot")


def test_the_tables_end_with_what_cannot_be_taken_back() -> None:
    assert [step.phase for step in UPGRADE_STEPS][-3:] == [UpgradePhase.WRITING, UpgradePhase.ARMED, UpgradePhase.ARMED]
    assert UPGRADE_STEPS[-1] is ROLLBACK_STEPS[-1]
    assert UpgradePhase.WRITING not in [step.phase for step in ROLLBACK_STEPS]
    assert plan_steps(UpgradeRequest(request="r", source="rollback")) is ROLLBACK_STEPS
    assert plan_steps(UpgradeRequest(request="r", source="uploaded")) is UPGRADE_STEPS


async def test_a_drain_that_a_budget_forbids_fails_and_force_goes_on() -> None:
    for force in (False, True):
        api = FakeApi(pod("app"))
        api.budgets = {"app"}
        bench = Bench(Disk(), api, force=force)
        task = asyncio.create_task(drain_node(bench.work))
        await bench.clock.advance(299)
        assert not task.done()
        await bench.clock.advance(10)
        assert task.done()
        if force:
            await task
        else:
            with pytest.raises(LifecycleFault, match="could not be drained: default/app: a disruption budget"):
                await task


async def test_a_node_that_never_met_kubernetes_says_that_it_skips_the_drain() -> None:
    bench = Bench(Disk())
    await drain_node(bench.work)
    assert bench.shown == ["skipped: Kubernetes was never reached from this node"]


async def test_etcd_is_asked_before_the_drain_and_again_before_the_reboot(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    asked: list[tuple[int, bool]] = []

    async def check_quorum(store: Store, force: bool, *, action: str, clock: Clock, patience: float) -> None:
        assert action == "upgrade"
        assert clock is bench.clock
        status = await store.find(EtcdStatus, "etcd")
        assert status is not None
        assert status.spec.member_id == "m1"
        asked.append((disk.effects, force))
        if len(asked) == 2:
            raise OperationError("failed_precondition", "refused: etcd would lose its quorum")

    monkeypatch.setattr(upgrade_steps, "check_quorum", check_quorum)
    bench = Bench(disk)
    bench.work.node = bench.work.node._replace(etcd=(new("etcd", EtcdStatus(healthy=True, member_id="m1")),))
    with pytest.raises(OperationError, match="lose its quorum"):
        await run_steps(bench.work)
    assert [force for _, force in asked] == [False, False]
    assert disk.done[-1] == "write boot files", "nothing was armed"


async def test_a_version_that_has_not_proved_itself_is_not_upgraded_from() -> None:
    disk = Disk()
    disk.slots["a"].tries = 0
    with pytest.raises(LifecycleFault, match="slot a, which runs, has not proved itself yet"):
        await find_slots(Bench(disk).work)
    bench = Bench(disk, force=True)
    await find_slots(bench.work)
    assert bench.work.record.slot == "b"
