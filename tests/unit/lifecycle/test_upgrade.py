"""Upgrades from the request to their end, over as many boots as that takes."""

from typing import Any

import pytest

from controllers.lifecycle.decide import NEVER_REACHED
from controllers.lifecycle.ports import Opened
from controllers.lifecycle.record import parse_refused
from controllers.lifecycle.transitions import State
from controllers.resources.lifecycle import UpgradePhase, UpgradeStatus
from controllers.resources.machine import Stage
from tests.unit.lifecycle.machine import BUNDLE, NEW, OLD, Boot, Disk, Slot, live_through


async def arm(disk: Disk, **options: Any) -> None:
    """Upgrade up to the reboot."""
    async with Boot(disk) as boot:
        await boot.status()
        await boot.ask(**options)
        await boot.wait()
        assert await boot.reboots()


async def shown(boot: Boot) -> UpgradeStatus:
    status = await boot.shown()
    assert status is not None
    return status


async def test_a_good_version_commits() -> None:
    disk = Disk()
    await arm(disk)
    assert disk.done[:4] == ["spool", "remove entry", "write root", "write boot files"]
    assert disk.record is not None
    assert disk.record.state is State.TRYING
    assert disk.record.window == 600.0
    assert disk.boot() == "b"
    async with Boot(disk) as boot:
        await boot.status("etcd", "node")
        await boot.wait()
        status = await shown(boot)
        assert (status.phase, status.step) == (UpgradePhase.VERIFYING, "etcd: etcd: no etcd yet; node: no node yet")
        assert disk.record.stage == "network"
        await boot.status()
        await boot.wait(5)
        assert disk.slots["b"].tries == 0, "it must stay healthy for a moment"
        await boot.wait(10)
        assert (await shown(boot)).phase is UpgradePhase.COMMITTED
        assert not await boot.reboots()
    assert (disk.default, disk.slots["b"]) == ("b", Slot("2", NEW, entry=True))
    assert disk.spooled is None
    assert disk.boot() == "b"
    async with Boot(disk) as boot:
        await boot.wait()
        status = await shown(boot)
        assert (status.phase, status.from_version, status.to_version) == (UpgradePhase.COMMITTED, "1", "2")


async def test_a_version_that_never_reaches_its_brain_is_refused_afterwards() -> None:
    disk = Disk()
    await arm(disk)
    assert disk.boot() == "b"
    assert disk.boot() == "a", "the only try is used up"
    async with Boot(disk) as boot:
        await boot.status()
        await boot.wait()
        status = await shown(boot)
        assert (status.phase, status.step, status.error) == (UpgradePhase.ROLLED_BACK, "boot", NEVER_REACHED)
        assert [one.bundle for one in parse_refused(disk.meta["refused"])] == [BUNDLE]
        await boot.ask("r2")
        await boot.wait()
        status = await shown(boot)
        assert status.phase is UpgradePhase.FAILED
        assert "2 failed on this node before, at boot" in status.error
        assert not await boot.reboots()
        await boot.ask("r3", force=True)
        await boot.wait()
        assert await boot.reboots()


async def test_a_version_that_is_not_healthy_in_time_reboots_into_the_one_before() -> None:
    disk = Disk()
    await arm(disk, window=100.0)
    assert disk.boot() == "b"
    async with Boot(disk) as boot:
        await boot.status("network", "etcd", "node")
        await boot.wait(70)
        assert not await boot.reboots()
        await boot.wait(15)
        assert await boot.reboots()
        assert (await shown(boot)).phase is UpgradePhase.VERIFYING
    assert disk.record is not None
    assert (disk.record.state, disk.record.step) == (State.FAILED, "network")
    assert disk.boot() == "a"
    async with Boot(disk) as boot:
        await boot.wait()
        status = await shown(boot)
        assert (status.phase, status.step, status.to_version) == (UpgradePhase.ROLLED_BACK, "network", "2")
        assert "network: no network yet" in status.error


async def test_a_version_that_ends_without_a_word_is_known_by_how_far_it_came() -> None:
    disk = Disk()
    await arm(disk)
    disk.boot()
    async with Boot(disk) as boot:
        await boot.status("etcd")
        await boot.wait()
    disk.boot()
    async with Boot(disk) as boot:
        await boot.wait()
        status = await shown(boot)
        assert (status.phase, status.step) == (UpgradePhase.ROLLED_BACK, "etcd")
        assert "no etcd yet" in status.error


async def test_a_shutdown_during_the_try_is_not_taken_for_health() -> None:
    disk = Disk()
    await arm(disk)
    disk.boot()
    async with Boot(disk) as boot:
        await boot.status(stage=Stage.SHUTTING_DOWN)
        await boot.wait(30)
        assert disk.record is not None
        assert disk.record.state is State.TRYING


async def test_what_was_missing_before_is_not_asked_of_the_new_version() -> None:
    disk = Disk()
    async with Boot(disk) as boot:
        await boot.status("node", "kubelet")
        await boot.ask()
        await boot.wait()
        status = await shown(boot)
        assert status.phase is UpgradePhase.FAILED
        assert "the node is not ready: node: no node yet" in status.error
        await boot.ask("r2", force=True)
        await boot.wait()
        assert await boot.reboots()
    disk.boot()
    async with Boot(disk) as boot:
        await boot.status("node")
        await boot.wait(20)
        assert (await shown(boot)).phase is UpgradePhase.COMMITTED


async def test_stage_waits_for_somebody_elses_reboot() -> None:
    disk = Disk()
    async with Boot(disk) as boot:
        await boot.status()
        await boot.ask(stage=True)
        await boot.wait(60)
        assert not await boot.reboots()
        status = await shown(boot)
        assert (status.phase, status.step) == (UpgradePhase.ARMED, "waits for the next reboot")
    assert disk.boot() == "b"
    async with Boot(disk) as boot:
        await boot.status()
        await boot.wait(20)
        assert (await shown(boot)).phase is UpgradePhase.COMMITTED


async def test_a_staged_upgrade_is_replaced_by_the_next_request() -> None:
    disk = Disk()
    async with Boot(disk) as boot:
        await boot.status()
        await boot.ask(stage=True)
        await boot.wait()
        await boot.ask("r2")
        await boot.wait()
        assert await boot.reboots()
        assert disk.record is not None
        assert (disk.record.request, disk.record.state) == ("r2", State.TRYING)
    assert "refused" not in disk.meta


@pytest.mark.parametrize(
    ("fails", "error", "phase"),
    [
        ({"spool": "no route"}, "no route", "fetching"),
        ({"check": "the ESP is full"}, "the ESP is full", "checking"),
        ({"look": "no disk"}, "no disk", "checking"),
        ({"write root": "I/O error"}, "I/O error", "writing"),
        ({"arm": "read-only"}, "read-only", "armed"),
    ],
)
async def test_what_fails_before_the_reboot_changes_nothing(fails: dict[str, str], error: str, phase: str) -> None:
    disk = Disk(fails=fails)
    async with Boot(disk) as boot:
        await boot.status()
        await boot.ask()
        await boot.wait()
        status = await shown(boot)
        assert (status.phase, status.step) == (UpgradePhase.FAILED, phase)
        assert error in status.error
        assert not await boot.reboots()
    assert disk.boot() == "a"
    assert "refused" not in disk.meta


async def test_a_bundle_for_another_machine_and_the_running_version_are_refused() -> None:
    disk = Disk()
    async with Boot(disk) as boot:
        await boot.status()
        boot.bundles.wrong = "for arm64, this is amd64"
        await boot.ask()
        await boot.wait()
        assert "for arm64" in (await shown(boot)).error
        boot.bundles.wrong = ""
        boot.bundles.offered = Opened(BUNDLE, "1", OLD)
        await boot.ask("r2", force=True)
        await boot.wait()
        assert "this is the version that runs (1)" in (await shown(boot)).error
    assert "write root" not in disk.done


async def test_a_bundle_that_took_the_place_of_the_uploaded_one_is_refused() -> None:
    disk = Disk(spooled=Opened(BUNDLE, "2", NEW))
    async with Boot(disk) as boot:
        await boot.status()
        await boot.ask(source="uploaded", bundle="c" * 64)
        await boot.wait()
        assert "another bundle was uploaded meanwhile" in (await shown(boot)).error
        disk.spooled = Opened(BUNDLE, "2", NEW)
        await boot.ask("r2", source="uploaded", bundle=BUNDLE)
        await boot.wait()
        assert await boot.reboots()
    assert "spool" not in disk.done, "what was uploaded is not fetched"


async def test_a_node_that_runs_from_memory_says_what_to_do() -> None:
    disk = Disk(running="a")
    disk.slots["a"].root_hash = ""
    async with Boot(disk) as boot:
        await boot.status()
        await boot.ask()
        await boot.wait()
        assert "does not run from a slot" in (await shown(boot)).error


async def test_a_rollback_is_verified_like_an_upgrade() -> None:
    disk = Disk(slots={"a": Slot("1", OLD, entry=True), "b": Slot("2", NEW, entry=True)}, default="b", running="b")
    async with Boot(disk) as boot:
        await boot.status()
        await boot.ask(source="rollback")
        await boot.wait()
        assert await boot.reboots()
    assert disk.done == ["arm"]
    assert disk.boot() == "a"
    async with Boot(disk) as boot:
        await boot.status()
        await boot.wait(20)
        status = await shown(boot)
        assert (status.phase, status.from_version, status.to_version) == (UpgradePhase.COMMITTED, "2", "1")
    assert disk.default == "a"


async def test_a_rollback_without_anything_to_go_back_to() -> None:
    disk = Disk()
    async with Boot(disk) as boot:
        await boot.status()
        await boot.ask(source="rollback")
        await boot.wait()
        assert "slot b holds nothing that could be booted" in (await shown(boot)).error


async def test_a_commit_that_the_disk_refuses_is_tried_again() -> None:
    disk = Disk()
    await arm(disk)
    disk.boot()
    disk.fails = {"commit": "read-only file system"}
    async with Boot(disk) as boot:
        await boot.status()
        await boot.wait(30)
        assert disk.done.count("commit") >= 2
        assert (await shown(boot)).phase is UpgradePhase.VERIFYING
        disk.fails = {}
        await boot.wait(10)
        assert (await shown(boot)).phase is UpgradePhase.COMMITTED


async def test_a_meta_that_cannot_be_written_ends_the_upgrade_before_anything_is_written() -> None:
    disk = Disk(fails={"meta": "I/O error"})
    async with Boot(disk) as boot:
        await boot.status()
        await boot.ask()
        await boot.wait(200)
        assert "write root" not in disk.done
        assert not await boot.reboots()
        status = await shown(boot)
        assert (status.phase, status.request) == (UpgradePhase.FAILED, "r1")
        assert "to META took longer than 30 s: I/O error" in status.error
        disk.fails = {}
        await boot.ask("r2")
        await boot.wait(40)
        assert await boot.reboots()


async def test_an_unreadable_disk_does_not_keep_the_old_version_from_saying_what_happened() -> None:
    disk = Disk()
    await arm(disk)
    disk.boot()
    disk.boot()
    disk.fails = {"look": "I/O error", "disarm": "I/O error"}
    async with Boot(disk) as boot:
        await boot.wait(60)
        assert (await shown(boot)).phase is UpgradePhase.ROLLED_BACK


async def test_a_lost_meta_serves_and_never_reboots() -> None:
    disk = Disk()
    await arm(disk)
    disk.boot()
    disk.meta = {}
    async with Boot(disk) as boot:
        await boot.status("etcd")
        await boot.wait(5000)
        assert not await boot.reboots()
        status = await shown(boot)
        assert status.phase is UpgradePhase.FAILED
        assert "META holds no record" in status.error
    assert disk.boot() == "a"


async def test_a_meta_full_of_nonsense_counts_as_empty() -> None:
    disk = Disk(meta={"upgrade": "{{{", "refused": "[[["})
    async with Boot(disk) as boot:
        await boot.status()
        await boot.wait()
        assert await boot.shown() is None
        await boot.ask()
        await boot.wait()
        assert await boot.reboots()


async def test_a_version_that_failed_and_is_started_again_serves() -> None:
    disk = Disk()
    await arm(disk, window=60.0)
    disk.slots["a"].entry = False
    disk.boot()
    async with Boot(disk) as boot:
        await boot.status("etcd")
        await boot.wait(60)
        assert await boot.reboots()
    disk.running = "b"
    async with Boot(disk) as boot:
        await boot.status("etcd")
        await boot.wait(5000)
        assert not await boot.reboots()
        assert "could not be booted" in (await shown(boot)).error


@pytest.mark.parametrize("healthy", [True, False])
@pytest.mark.parametrize("kill_at", range(22))
async def test_power_that_goes_anywhere_ends_in_a_version_that_runs(kill_at: int, healthy: bool) -> None:
    disk = Disk(kill_at=kill_at)
    await live_through(disk, healthy=healthy)
    async with Boot(disk) as boot:
        await boot.status()
        await boot.wait(150)
        status = await boot.shown()
        assert status is None or status.phase.final
        assert not await boot.reboots()
    if disk.record is not None and disk.record.state is State.COMMITTED:
        assert (healthy, disk.running) == (True, "b")
    elif disk.record is not None:
        assert disk.running == "a"
