"""Upgrades of a Raspberry Pi from the request to their end: not the disk says what is to be tried, but a reboot."""

import pytest

from controllers.lifecycle.decide import NO_ACCOUNT
from controllers.lifecycle.transitions import State
from controllers.lifecycle.tryboot import ARGUMENT
from controllers.resources.lifecycle import UpgradePhase
from controllers.resources.machine import RebootArgument
from tests.unit.lifecycle.machine import Boot, Disk, live_through


async def arm(disk: Disk, *, stage: bool = False) -> None:
    """Upgrade up to the reboot, which is in order."""
    async with Boot(disk) as boot:
        await boot.status()
        await boot.ask(stage=stage, window=100.0)
        await boot.wait(60 if stage else 1)
        assert await boot.reboots() is not stage
        said = await boot.world.store.get(RebootArgument, "next")
        assert said.spec.argument == ARGUMENT
        assert said.spec.program[-1].endswith("/tryboot_main.py")


async def check_ends_with(disk: Disk, phase: UpgradePhase, step: str = "", error: str = "") -> None:
    """Boot in peace: so it ended, and no reboot carries anything any more."""
    async with Boot(disk) as boot:
        await boot.status()
        await boot.wait(20)
        status = await boot.shown()
        assert status is not None
        assert (status.phase, status.step or step) == (phase, step or status.step)
        assert error in status.error
        assert not await boot.reboots()
    assert disk.argument == ""


@pytest.mark.parametrize("stage", [False, True])
async def test_a_good_version_commits(stage: bool) -> None:
    disk = Disk(tryboot=True)
    await arm(disk, stage=stage)
    assert disk.default == "a", "until it has proved itself"
    assert disk.boot() == "b"
    await check_ends_with(disk, UpgradePhase.COMMITTED)
    assert [disk.default, disk.boot(), disk.boot()] == ["b"] * 3


@pytest.mark.parametrize("stage", [False, True])
async def test_power_that_goes_before_the_reboot_counts_as_a_try(stage: bool) -> None:
    """Nobody can tell it from a version that hung at once; `--force` tries it again."""
    disk = Disk(tryboot=True)
    await arm(disk, stage=stage)
    disk.argument = ""
    assert disk.boot() == "a"
    await check_ends_with(disk, UpgradePhase.ROLLED_BACK, "boot", NO_ACCOUNT)
    async with Boot(disk) as boot:
        await boot.status()
        await boot.ask("r2")
        await boot.wait()
        assert not await boot.reboots()
        await boot.ask("r3", force=True)
        await boot.wait()
        assert await boot.reboots()
    assert disk.boot() == "b"


@pytest.mark.parametrize(("unmet", "step"), [("", "boot"), ("network", "network"), ("etcd", "etcd"), ("node", "ready")])
async def test_a_version_that_ends_at_any_stage_leads_to_the_one_before(unmet: str, step: str) -> None:
    disk = Disk(tryboot=True)
    await arm(disk)
    assert disk.boot() == "b"
    if unmet:
        async with Boot(disk) as boot:
            await boot.status(unmet)
            await boot.wait(30)
        assert disk.argument == "", "what runs on trial tries nothing"
    assert disk.boot() == "a"
    await check_ends_with(disk, UpgradePhase.ROLLED_BACK, step)
    assert disk.default == "a"


async def test_a_version_that_judges_itself_reboots_without_the_flag() -> None:
    disk = Disk(tryboot=True)
    await arm(disk)
    disk.boot()
    async with Boot(disk) as boot:
        await boot.status("etcd")
        await boot.wait(150)
        assert await boot.reboots()
    assert disk.record is not None
    assert disk.record.state is State.FAILED
    assert disk.boot() == "a"
    await check_ends_with(disk, UpgradePhase.ROLLED_BACK, "etcd")


async def test_a_rollback_is_tried_and_verified_in_the_same_way() -> None:
    disk = Disk(tryboot=True)
    await arm(disk)
    disk.boot()
    await check_ends_with(disk, UpgradePhase.COMMITTED)
    disk.boot()
    disk.done.clear()
    async with Boot(disk) as boot:
        await boot.status()
        await boot.ask("r2", source="rollback")
        await boot.wait()
        assert await boot.reboots()
    assert (disk.done, disk.default) == (["arm"], "b")
    assert disk.boot() == "a"
    await check_ends_with(disk, UpgradePhase.COMMITTED)
    assert disk.default == "a"


async def test_slots_that_cannot_be_seen_are_not_tried() -> None:
    """Then a reboot is a reboot, and the version before says what became of it."""
    disk = Disk(tryboot=True)
    async with Boot(disk) as boot:
        await boot.status()
        await boot.ask(stage=True)
        await boot.wait(20)
        await boot.ask("r2", source="rollback", stage=True)
        await boot.wait()
        assert await boot.world.store.find(RebootArgument, "next") is not None
        disk.fails = {"arm": "I/O error"}
        await boot.ask("r3")
        await boot.wait()
    assert disk.argument == ""
    disk.fails = {}
    assert disk.boot() == "a"


@pytest.mark.parametrize("healthy", [True, False])
@pytest.mark.parametrize("kill_at", range(22))
async def test_power_that_goes_anywhere_ends_in_a_version_that_runs(kill_at: int, healthy: bool) -> None:
    disk = Disk(kill_at=kill_at, tryboot=True)
    await live_through(disk, healthy=healthy)
    committed = disk.record is not None and disk.record.state is State.COMMITTED
    assert (disk.running, disk.default) == (("b", "b") if committed else ("a", "a"))
    assert healthy or not committed
