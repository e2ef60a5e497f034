"""Power cuts from a log of writes: what is flushed stays, what is not may be lost or torn, nothing else changes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.harness.write_log import DISCARD, ENTRY, FLUSH, FUA, KEPT, MAGIC, SUPER, TORN, WriteLog, choose_cuts

SECTOR = 512
Entry = tuple[int, int, bytes]  # sector, flags, data


def make_log(path: Path, entries: list[Entry], *, sectors: int = 1) -> WriteLog:
    """Write a log as QEMU does. A discard has `sectors` and no data."""
    blocks = [SUPER.pack(MAGIC, 1, len(entries), SECTOR).ljust(SECTOR, b"\0")]
    for sector, flags, data in entries:
        count = sectors if flags & DISCARD else len(data) // SECTOR
        blocks.append(ENTRY.pack(sector, count, flags, 0).ljust(SECTOR, b"\0") + data)
    path.write_bytes(b"".join(blocks))
    return WriteLog.read(path)


def block(letter: bytes, count: int = 1) -> bytes:
    """Sectors full of one letter."""
    return letter * SECTOR * count


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A disk of eight sectors full of dots."""
    path = tmp_path / "disk.img"
    path.write_bytes(block(b".", 8))
    return path


def test_a_whole_log_gives_the_last_state(tmp_path: Path, disk: Path) -> None:
    log = make_log(tmp_path / "log", [(0, 0, block(b"a", 2)), (1, 0, block(b"b")), (0, FLUSH, b"")])
    log.replay(disk, len(log.writes), random.Random(0))
    assert disk.read_bytes() == block(b"a") + block(b"b") + block(b".", 6)


def test_what_was_flushed_stays_whatever_chance_says(tmp_path: Path) -> None:
    log = make_log(tmp_path / "log", [(0, 0, block(b"a")), (0, FLUSH, b""), (1, 0, block(b"b"))])
    for seed in range(50):
        disk = tmp_path / "disk.img"
        disk.write_bytes(block(b".", 8))
        log.replay(disk, 3, random.Random(seed))
        assert disk.read_bytes()[:SECTOR] == block(b"a")


def test_what_was_not_flushed_is_kept_lost_or_torn_at_a_sector(tmp_path: Path) -> None:
    log = make_log(tmp_path / "log", [(0, 0, block(b"a", 4))])
    seen = set()
    for seed in range(200):
        disk = tmp_path / "disk.img"
        disk.write_bytes(block(b".", 8))
        log.replay(disk, 1, random.Random(seed))
        seen.add(disk.read_bytes())
    assert seen == {block(b"a", kept) + block(b".", 8 - kept) for kept in range(5)}


def test_later_writes_may_be_there_without_earlier_ones(tmp_path: Path) -> None:
    log = make_log(tmp_path / "log", [(0, 0, block(b"a")), (1, 0, block(b"b"))])
    fates = {tuple(fate for _, fate in log.plan_cut(2, random.Random(seed))) for seed in range(200)}
    assert ("lost", "kept") in fates


def test_a_write_that_bypasses_the_cache_is_never_lost(tmp_path: Path) -> None:
    log = make_log(tmp_path / "log", [(0, FUA, block(b"a"))])
    assert {log.plan_cut(1, random.Random(seed))[0][1] for seed in range(50)} == {KEPT}


def test_a_discard_gives_zeros(tmp_path: Path, disk: Path) -> None:
    log = make_log(tmp_path / "log", [(1, DISCARD, b""), (0, FLUSH, b"")], sectors=2)
    log.replay(disk, 2, random.Random(0))
    assert disk.read_bytes() == block(b".") + bytes(2 * SECTOR) + block(b".", 5)


def test_nothing_happened_before_the_first_write(tmp_path: Path, disk: Path) -> None:
    log = make_log(tmp_path / "log", [(0, 0, block(b"a"))])
    log.replay(disk, 0, random.Random(0))
    assert disk.read_bytes() == block(b".", 8)


def test_an_entry_that_the_end_of_qemu_cut_off_is_left_out(tmp_path: Path) -> None:
    log = make_log(tmp_path / "log", [(0, 0, block(b"a")), (1, 0, block(b"b"))])
    data = log.path.read_bytes()
    log.path.write_bytes(data[:-1])
    assert len(WriteLog.read(log.path).writes) == 1


@pytest.mark.parametrize("content", [b"", b"short", bytes(4096)])
def test_what_is_no_log_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no log of writes"):
        WriteLog.read(path)


def test_cuts_are_within_the_log_and_the_same_for_a_seed(tmp_path: Path) -> None:
    log = make_log(tmp_path / "log", [(0, 0, block(b"a")), (0, FLUSH, b""), (1, 0, block(b"b"))])
    cuts = choose_cuts(log, 60, random.Random(7))
    assert len(cuts) == 60
    assert min(cuts) >= 0
    assert max(cuts) <= 3
    assert cuts == choose_cuts(log, 60, random.Random(7))
    assert choose_cuts(make_log(tmp_path / "empty", []), 3, random.Random(7)) == []


def test_a_torn_write_is_a_fate(tmp_path: Path) -> None:
    log = make_log(tmp_path / "log", [(0, 0, block(b"a"))])
    assert TORN in {log.plan_cut(1, random.Random(seed))[0][1] for seed in range(50)}
