"""Destroying what is in a file: whatever fails, the rest is done, and all of it is said."""

import errno
from pathlib import Path

import pytest

from controllers.block.wipe import PIECE, Device, Outcome, carry_out, erase_ends
from controllers.block.wipe_plan import END, DropEntries, EraseAll, EraseEnds, WipePlan

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
