"""Power cuts, replayed: the disk as it would be had the power gone at any moment of a run.

QEMU has logged every write and flush of a disk (format of the kernel's dm-log-writes: Documentation/admin-guide/device-mapper/
log-writes.rst; drivers/md/dm-log-writes.c). A cut after `entries` of them keeps everything before the last flush; of what came
after it a disk's own cache may have written any part, so each such write is kept, lost or torn by a seeded choice.
Trap: sectors are whole in every real disk, so a torn write ends at a sector.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUPER = struct.Struct("<QQQI")  # magic, version, entries, sector size
ENTRY = struct.Struct("<QQQQ")  # sector, sectors, flags, bytes of data in the entry itself
MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
KEPT, LOST, TORN = "kept", "lost", "torn"
PIECE = 1 << 20


@dataclass(frozen=True)
class Write:
    """One entry of a log: where its data is in the log, where it goes on the disk, in bytes."""

    flags: int
    offset: int
    size: int
    data: int

    @property
    def is_barrier(self) -> bool:
        """Is all that came before it on the disk when it is done?"""
        return bool(self.flags & FLUSH)


@dataclass(frozen=True)
class WriteLog:
    """The writes of one run, in the order in which the guest made them."""

    path: Path
    sector: int
    writes: tuple[Write, ...]

    @classmethod
    def read(cls, path: Path) -> WriteLog:
        """Read the index of a log; raises ValueError for what is none. A last entry that is cut off is left out."""
        size = path.stat().st_size
        with path.open("rb") as file:
            header = file.read(SUPER.size)
            if len(header) < SUPER.size:
                raise ValueError(f"{path}: no log of writes: {size} bytes")
            magic, version, count, sector = SUPER.unpack(header)
            if magic != MAGIC or version != 1 or sector not in (512, 4096):
                raise ValueError(f"{path}: no log of writes: magic {magic:#x}, version {version}, sectors of {sector}")
            writes: list[Write] = []
            position = sector
            for _ in range(count):
                file.seek(position)
                text = file.read(ENTRY.size)
                if len(text) < ENTRY.size:
                    break
                start, sectors, flags, _ = ENTRY.unpack(text)
                position += sector
                stored = 0 if flags & DISCARD else sectors * sector
                if position + stored > size:
                    break
                writes.append(Write(flags, start * sector, sectors * sector, position))
                position += stored
        return cls(path, sector, tuple(writes))

    def find_last_flush(self, entries: int) -> int:
        """How many of the first `entries` are on the disk for certain."""
        return max((index + 1 for index in range(entries) if self.writes[index].is_barrier), default=0)

    def plan_cut(self, entries: int, chance: random.Random) -> list[tuple[Write, str]]:
        """What becomes of each of the first `entries` writes when the power goes then."""
        certain = self.find_last_flush(entries)
        plan = [(write, KEPT) for write in self.writes[:certain]]
        for write in self.writes[certain:entries]:
            fate = KEPT if write.flags & FUA else chance.choice((KEPT, KEPT, LOST, TORN))
            plan.append((write, fate))
        return plan

    def replay(self, disk: Path, entries: int, chance: random.Random) -> None:
        """Bring `disk`, which is as it was when the log began, to the state after a power cut."""
        with self.path.open("rb") as log, disk.open("r+b") as target:
            for write, fate in self.plan_cut(entries, chance):
                size = write.size
                if fate == TORN:
                    size = chance.randrange(size // self.sector + 1) * self.sector
                if fate != LOST:
                    self._apply(write, size, log.fileno(), target.fileno())

    @staticmethod
    def _apply(write: Write, size: int, log: int, target: int) -> None:
        for offset, length in split(size):
            data = bytes(length) if write.flags & DISCARD else os.pread(log, length, write.data + offset)
            os.pwrite(target, data, write.offset + offset)


def split(size: int) -> Iterator[tuple[int, int]]:
    """Offsets and lengths of the pieces of `size` bytes."""
    for offset in range(0, size, PIECE):
        yield offset, min(PIECE, size - offset)


def choose_cuts(log: WriteLog, count: int, chance: random.Random) -> list[int]:
    """`count` moments: half anywhere, half beside a flush, where orders go wrong."""
    total = len(log.writes)
    if total == 0:
        return []
    flushes = [index for index, write in enumerate(log.writes) if write.is_barrier] or [0]
    cuts = [chance.randint(0, total) for _ in range((count + 1) // 2)]
    cuts += [min(total, max(0, chance.choice(flushes) + chance.choice((-1, 0, 1, 2)))) for _ in range(count // 2)]
    return sorted(cuts)
