"""Destroying what is in a file: whatever fails, the rest is done, and all of it is said."""

import errno
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from controllers.block import gpt, wipe
from controllers.block.wipe import PIECE, Device, Outcome, carry_out, erase_ends
from controllers.block.wipe_plan import END, DropEntries, DropRecord, EraseAll, EraseEnds, WipePlan
from controllers.block.wipe_record import KEY, RecordKeeper
from init.linux.meta import read_meta, write_meta

MIB = 1 << 20


class Clock:
    """Every look takes a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def make(path: Path, size: int) -> Path:
    """Make a file that looks full but takes little room: something in every MiB."""
    with path.open("wb") as file:
        file.truncate(size)
        for at in range(0, size, MIB):
            file.seek(at)
            file.write(b"secret")
        file.seek(size - 6)
        file.write(b"secret")
    return path


def secrets(path: Path) -> list[int]:
    """Return the MiBs in which something is left."""
    data = path.read_bytes()
    return sorted({at // MIB for at in range(0, len(data), MIB) if b"secret" in data[at : at + MIB]})


def test_both_ends(tmp_path: Path) -> None:
    disk = make(tmp_path / "disk", 40 * MIB)
    erase_ends(str(disk))
    assert secrets(disk) == list(range(16, 24))
    assert disk.stat().st_size == 40 * MIB


def test_a_small_one_has_nothing_but_ends(tmp_path: Path) -> None:
    for size in (1, 16, 20):
        disk = make(tmp_path / f"disk{size}", size * MIB)
        erase_ends(str(disk))
        assert secrets(disk) == []


def test_everything(tmp_path: Path) -> None:
    disk = make(tmp_path / "disk", PIECE + 3 * MIB)
    said: list[str] = []
    outcome = carry_out(WipePlan((EraseAll(str(disk), PIECE + 3 * MIB, "EPHEMERAL"),), 60.0), lambda: 0.0, said.append)
    assert secrets(disk) == []
    assert outcome == Outcome(PIECE + 3 * MIB, PIECE + 3 * MIB)
    assert said == ["erase all of EPHEMERAL", "EPHEMERAL: 95 %"]
    assert outcome.describe() == f"{PIECE + 3 * MIB} of {PIECE + 3 * MIB} bytes overwritten"


def test_when_the_time_is_over_the_ends_are_gone_and_it_is_said(tmp_path: Path) -> None:
    disk = make(tmp_path / "disk", 4 * PIECE)
    ends = EraseEnds(str(disk), "EPHEMERAL")
    outcome = carry_out(WipePlan((ends, EraseAll(str(disk), 4 * PIECE, "EPHEMERAL"), ends), 2.5), Clock(), lambda text: None)
    assert outcome.problems == ["the time was over at 50 % of EPHEMERAL"]
    assert "NOT done: the time was over at 50 %" in outcome.describe()
    assert outcome.done == 2 * PIECE
    left = secrets(disk)
    assert left[0] * MIB == 2 * PIECE
    assert left[-1] * MIB < 4 * PIECE - END


def test_around_a_bad_spot_everything_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = make(tmp_path / "disk", PIECE + 3 * MIB)
    zero = Device.zero

    def fail_at_5(self: Device, offset: int, length: int) -> None:
        if offset <= 5 * MIB < offset + length:
            raise OSError(errno.EIO, "Input/output error")
        zero(self, offset, length)

    monkeypatch.setattr(Device, "zero", fail_at_5)
    plan = WipePlan((EraseAll(str(disk), PIECE + 3 * MIB, "EPHEMERAL"),), 60.0)
    outcome = carry_out(plan, lambda: 0.0, lambda text: None)
    assert secrets(disk) == [5]
    assert outcome.problems == [f"{MIB} bytes of EPHEMERAL cannot be written"]
    assert outcome.wanted - outcome.done == MIB


def test_a_device_that_is_gone_does_not_keep_the_others(tmp_path: Path) -> None:
    disk = make(tmp_path / "disk", 1 * MIB)
    steps = (
        EraseEnds(str(tmp_path / "gone"), "STATE"),
        DropEntries(str(tmp_path / "gone"), ("u",)),
        EraseAll(str(disk), MIB, "META"),
    )
    outcome = carry_out(WipePlan(steps, 60.0), lambda: 0.0, lambda text: None)
    assert secrets(disk) == []
    assert [problem.rpartition(": ")[2] for problem in outcome.problems] == ["No such file or directory"] * 2


def test_a_damaged_partition_table_is_said(tmp_path: Path) -> None:
    disk = make(tmp_path / "disk", 1 * MIB)
    with disk.open("r+b") as file:
        file.seek(512)
        file.write(b"EFI PART" + b"\xff" * 84)
    outcome = carry_out(WipePlan((DropEntries(str(disk), ("u",)),), 60.0), lambda: 0.0, lambda text: None)
    assert "has a header of" in outcome.problems[0]


@pytest.fixture
def meta(tmp_path: Path) -> Path:
    """META with a record."""
    path = tmp_path / "meta"
    path.write_bytes(bytes(MIB))
    write_meta(str(path), {KEY: json.dumps({"request": "one"}), "user.rack": "seven"})
    return path


def record_of(meta: Path) -> Any:
    return json.loads(read_meta(str(meta)).values.get(KEY, "null"))


def make_table(path: Path, *uuids: int) -> Path:
    """Make a disk with nothing but a table of partitions with these ids."""
    table = gpt.new_table(UUID(int=1), 512, 4 * MIB // 512)
    for number, uuid in enumerate(uuids, 1):
        table = table.with_partition(
            gpt.Partition(number, gpt.LINUX_FILESYSTEM, UUID(int=uuid), 2048 + number * 8, 2055 + number * 8, "x")
        )
    path.write_bytes(bytes(4 * MIB))
    with path.open("r+b") as file:
        for offset, data in gpt.encode(table):
            file.seek(offset)
            file.write(data)
    return path


def uuids_of(path: Path) -> list[int]:
    data = path.read_bytes()
    table = gpt.parse(lambda offset, length: data[offset : offset + length], 512, len(data))
    assert table is not None
    return [one.uuid.int for one in table.partitions]


@pytest.mark.parametrize("strict", [True, False])
def test_what_could_not_be_erased_keeps_its_entry_and_the_record_only_when_the_next_boot_goes_on(
    tmp_path: Path, meta: Path, strict: bool
) -> None:
    disk, gone, good = make_table(tmp_path / "disk", 6, 7), str(tmp_path / "gone"), make(tmp_path / "good", MIB)
    drop = DropEntries(str(disk), (str(UUID(int=6)), str(UUID(int=7))), (gone, str(good)))
    steps = (EraseEnds(gone, "STATE"), EraseAll(str(good), MIB, "EPHEMERAL", "u7"), drop, DropRecord(str(meta)))
    plan = WipePlan(steps, 60.0, str(meta), strict)
    outcome = carry_out(plan, lambda: 0.0, lambda text: None, RecordKeeper(str(meta), print))
    assert secrets(good) == []
    assert uuids_of(disk) == ([6] if strict else [])
    assert len(outcome.problems) == 1
    if strict:
        found = record_of(meta)
        assert (found["stage"], found["done"], found["problems"]) == ("incomplete", {"u7": MIB}, outcome.problems)
    else:
        assert record_of(meta) is None
    assert read_meta(str(meta)).values["user.rack"] == "seven"


def test_meta_is_erased_only_after_all_the_rest_was(tmp_path: Path, meta: Path) -> None:
    gone = EraseEnds(str(tmp_path / "gone"), "STATE")
    last = EraseAll(str(meta), MIB, "META")
    carry_out(WipePlan((gone, last), 60.0, str(meta), strict=True), lambda: 0.0, print, RecordKeeper(str(meta), print))
    assert record_of(meta)["stage"] == "incomplete"
    outcome = carry_out(WipePlan((last,), 60.0, str(meta), strict=True), lambda: 0.0, print, RecordKeeper(str(meta), print))
    assert not outcome.problems
    assert not any(meta.read_bytes())


def test_how_far_it_came_in_its_time_is_noted_and_the_next_run_begins_there(
    tmp_path: Path, meta: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wipe, "PIECE", MIB)
    disk = make(tmp_path / "disk", 4 * MIB)
    step = EraseAll(str(disk), 4 * MIB, "EPHEMERAL", "u7")
    carry_out(WipePlan((step,), 3.5, str(meta), strict=True), Clock(), lambda text: None, RecordKeeper(str(meta), print))
    assert record_of(meta)["done"] == {"u7": 2 * MIB}
    said: list[str] = []
    rest = EraseAll(str(disk), 4 * MIB, "EPHEMERAL", "u7", 2 * MIB)
    outcome = carry_out(
        WipePlan((rest,), 60.0, str(meta), strict=True), lambda: 0.0, said.append, RecordKeeper(str(meta), print)
    )
    assert (outcome.wanted, outcome.done, secrets(disk)) == (2 * MIB, 2 * MIB, [])
    assert said[0] == "erase the rest from 50 % on of EPHEMERAL"
    assert record_of(meta)["done"] == {"u7": 4 * MIB}
