"""A boot that finds an unfinished reset: it goes on by itself, a few times, and otherwise says why not and what is left."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from controllers.block.wipe_plan import parse_plan
from controllers.lifecycle.reset_apply import ResetController
from controllers.lifecycle.reset_continue import MISSING_SECONDS
from controllers.lifecycle.reset_hold import ResetHoldController
from controllers.lifecycle.reset_record import FORMAT, TRIES, ResetRecord, Wanted, parse_record, place_of, render_record
from controllers.ports import Paths, Ports
from controllers.resources.block import DiscoveredVolume, Disk
from controllers.resources.reset import AfterReset, ResetHold, ResetPhase, ResetStatus
from controllers.services.errors import ControlError
from tests.harness.clock import settle
from tests.harness.engine import World
from tests.unit.lifecycle.test_reset_apply import Machine, read
from tests.unit.machine.test_meta import FakeMeta, InlineMetaController

SYSTEM = Disk(path="/dev/vda", size=100, system=True)
USER = Disk(path="/dev/vdb", size=200, serial="b")
UUID = "00000000-0000-0000-0000-000000000006"
STATE = Wanted(disk=place_of(SYSTEM), uuid=UUID, label="STATE", size=64)
DISK = Wanted(disk=place_of(USER), size=200)
RECORD = ResetRecord(format=FORMAT, request="one", targets=(STATE,), then=AfterReset.POWEROFF, step="erase all of STATE")


class Boot:
    """A boot with this record in META."""

    def __init__(self, root: Path, text: str) -> None:
        (root / "run/ophite").mkdir(parents=True)
        self.meta, self.machine = FakeMeta(reset=text), Machine()
        ports = Ports(paths=Paths(root))
        self.controller = ResetController(ports, self.machine)
        self.world = World(ResetHoldController(ports), InlineMetaController(ports, lambda: self.meta), self.controller)
        new_ports = Ports(clock=self.world.clock, paths=Paths(root))
        self.controller._run.ports = self.controller._writer.ports = new_ports

    async def __aenter__(self) -> "Boot":
        await self.world.__aenter__()
        await self.put(SYSTEM, "gpt")
        volume = DiscoveredVolume(path="/dev/vda6", size=64, parent="vda", partition_label="STATE", partition_uuid=UUID)
        await self.world.put("vda6", volume)
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.world.__aexit__(*error)

    async def put(self, disk: Disk, holds: str) -> None:
        name = disk.path.rpartition("/")[2]
        await self.world.put(name, disk)
        await self.world.put(name, DiscoveredVolume(path=disk.path, size=disk.size, filesystem=holds))

    async def wait(self, seconds: float) -> ResetStatus | None:
        """Let time pass, and threads that write files."""
        for _ in range(2):
            await self.world.clock.advance(seconds / 2)
            for _ in range(40):
                await settle()
                await asyncio.to_thread(lambda: None)
        found = await self.world.store.find(ResetStatus, "reset")
        return found.spec if found else None


def change(**fields: Any) -> str:
    return render_record(msgspec.structs.replace(RECORD, **fields))


async def test_it_goes_on_once_the_disks_were_looked_at_and_ends_as_was_asked(tmp_path: Path) -> None:
    async with Boot(tmp_path, change(done={UUID: 32})) as boot:
        first = await boot.wait(1.0)
        assert first is not None
        assert (first.phase, boot.machine.log) == (ResetPhase.CONTINUING, [])
        status = await boot.wait(8.0)
        assert status is not None
        assert (status.phase, status.tries) == (ResetPhase.STOPPING, 1)
        assert boot.machine.log == ["poweroff"]
        plan = parse_plan(read(boot.machine.last[-1]))
        assert plan.strict
        assert [step.describe() for step in plan.steps] == [
            "erase the beginning and the end of STATE (/dev/vda6)",
            "erase the rest from 50 % on of STATE (/dev/vda6)",
            "erase the beginning and the end of STATE (/dev/vda6)",
            "remove 1 partition of /dev/vda",
            "note that the reset is over",
        ]
        record = parse_record(boot.meta.meta.values["reset"])
        assert record is not None
        assert record.tries == 1
        await boot.wait(100.0)
        assert boot.machine.log == ["poweroff"], "once in a boot"


async def test_after_the_last_try_it_stays_and_says_what_may_be_readable(tmp_path: Path) -> None:
    text = change(tries=TRIES, problems=("8 bytes of STATE cannot be written",))
    async with Boot(tmp_path, text) as boot:
        status = await boot.wait(100.0)
        assert status is not None
        assert (status.phase, status.readable) == (ResetPhase.INCOMPLETE, ("STATE on /dev/vda",))
        assert "8 bytes of STATE cannot be written; may still be readable: STATE on /dev/vda" in status.error
        assert "--forget" in status.error
        assert (boot.machine.log, boot.meta.meta.values["reset"]) == ([], text)


async def test_a_disk_that_is_gone_costs_no_tries_and_is_erased_when_it_is_back(tmp_path: Path) -> None:
    async with Boot(tmp_path, change(targets=(DISK,))) as boot:
        status = await boot.wait(10.0)
        assert status is not None
        assert status.phase is ResetPhase.CONTINUING
        assert "serial number b) is gone" in status.step
        status = await boot.wait(MISSING_SECONDS)
        assert status is not None
        assert (status.phase, status.tries, boot.machine.log) == (ResetPhase.INCOMPLETE, 0, [])
        await boot.put(USER, "")
        await boot.wait(5.0)
        assert boot.machine.log == ["poweroff"]


async def test_a_try_that_cannot_be_counted_is_none(tmp_path: Path) -> None:
    async with Boot(tmp_path, change()) as boot:
        boot.meta.error = "Read-only file system"
        status = await boot.wait(100.0)
        assert status is not None
        assert (status.phase, boot.machine.log) == (ResetPhase.INCOMPLETE, [])
        assert "Read-only file system" in status.error


async def test_pid_1_that_refuses_is_asked_once_in_a_boot(tmp_path: Path) -> None:
    async with Boot(tmp_path, change()) as boot:
        boot.machine.refuses["poweroff"] = ControlError("no connection to PID 1")
        status = await boot.wait(100.0)
        assert status is not None
        assert (status.phase, boot.machine.log) == (ResetPhase.INCOMPLETE, ["poweroff"])
        assert "no connection to PID 1" in status.error


async def test_a_record_that_is_refused_holds_nothing_and_is_said(tmp_path: Path) -> None:
    for name, text in {
        "newer": change(format=2),
        "damaged": "{",
        "hostile": change(targets=(msgspec.structs.replace(STATE, label="ROOT-A"),)),
    }.items():
        async with Boot(tmp_path / name, text) as boot:
            status = await boot.wait(100.0)
            assert status is not None
            assert (status.phase, boot.machine.log) == (ResetPhase.REFUSED, [])
            assert not (await boot.world.get(ResetHold, "reset")).spec.held
            assert boot.meta.meta.values["reset"] == text


async def test_without_a_record_there_is_nothing_to_say(tmp_path: Path) -> None:
    async with Boot(tmp_path, change(stage="cancelled")) as boot:
        assert await boot.wait(100.0) is None
        assert boot.machine.log == []
