"""What a disk holds before it is installed: nothing, half of an installation of ours, a whole one, or somebody's data.

Read from the disk itself right before anything is written, by offsets and not by partition devices, because a kernel may
not know of partitions that are there. Everything found is named, so that a user who is refused knows what would be lost.
Pure over a `read(offset, length)`; it raises what `read` raises.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from controllers.block import gpt, superblocks
from controllers.install import layout
from controllers.install.mark import read_mark
from controllers.runtime.text import make_printable

SHOWN = 12
"""Partitions that are named one by one; more are counted."""


class Verdict(StrEnum):
    """What may be done with a disk."""

    EMPTY = "empty"
    INTERRUPTED = "interrupted"
    OURS = "ours"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Contents:
    """What was found: `found` names everything for people; `table` is the partition table, if it can be read; `disk_uuid` the
    id that an interrupted installation gave the disk.
    """

    verdict: Verdict
    found: tuple[str, ...] = ()
    table: gpt.Table | None = None
    disk_uuid: UUID | None = None

    def describe(self) -> str:
        """Say what was found, on one line."""
        return "; ".join(self.found) or "nothing"


def read_contents(read: gpt.Read, sector_size: int, size: int) -> Contents:
    """Return what a disk of `size` bytes holds. Raises `OSError` of `read`."""
    marked = read_mark(read)
    try:
        table = gpt.parse(read, sector_size, size)
    except gpt.GptError as error:
        if marked is not None:
            return _interrupted(marked)
        return Contents(Verdict.FOREIGN, (f"a damaged GPT ({error})",))
    if table is not None:
        if marked == table.disk_uuid:
            return _interrupted(marked, table)
        verdict = Verdict.OURS if layout.is_ours(table) else Verdict.FOREIGN
        return Contents(verdict, tuple(_describe_table(read, table)), table)
    found = (*_describe_mbr(read), *_describe_whole(read))
    if found:
        return Contents(Verdict.FOREIGN, found)
    if marked is not None:
        return _interrupted(marked)
    return Contents(Verdict.EMPTY) if superblocks.is_blank(read, size) else Contents(Verdict.FOREIGN, ("unknown data",))


def _interrupted(disk_uuid: UUID, table: gpt.Table | None = None) -> Contents:
    return Contents(Verdict.INTERRUPTED, ("an installation that was interrupted",), table, disk_uuid)


def _describe_table(read: gpt.Read, table: gpt.Table) -> Iterator[str]:
    yield f"a GPT of {len(table.partitions)} partitions"
    for one in table.partitions[:SHOWN]:
        name = f" {make_printable(one.label)!r}" if one.label else ""
        content = _describe_at(read, one.first * table.sector_size, one.sectors * table.sector_size)
        yield f"partition {one.number}{name}: {content}"


def _describe_mbr(read: gpt.Read) -> Iterator[str]:
    """Partitions of a classic boot record. A FAT on the whole disk ends with the same two bytes, but has no such entries; and
    a record that only protects a GPT says nothing where there is none.
    """
    head = read(0, 512)
    if not superblocks.has_mbr_partitions(head) or superblocks.probe(read) is not None:
        return
    entries = [struct.unpack_from("<B3xB3xII", head, 446 + 16 * index) for index in range(4)]
    kinds = [kind for _, kind, _, _ in entries if kind]
    if kinds == [gpt.PROTECTIVE]:
        return
    yield "an MBR"
    for number, (_, kind, first, sectors) in enumerate(entries, start=1):
        if kind:
            content = _describe_at(read, first * 512, sectors * 512)
            yield f"partition {number} of type {kind:#04x}: {content}"


def _describe_whole(read: gpt.Read) -> Iterator[str]:
    found = superblocks.probe(read)
    if found is not None:
        yield _name(found)


def _describe_at(read: gpt.Read, offset: int, size: int) -> str:
    """Return what is in a part of the disk; one that lies outside of the disk is unreadable, not an error."""

    def read_part(at: int, length: int) -> bytes:
        return read(offset + at, max(min(length, size - at), 0))

    found = superblocks.probe(read_part)
    if found is not None:
        return _name(found)
    return "empty" if superblocks.is_blank(read_part, size) else "unknown data"


def _name(found: superblocks.Superblock) -> str:
    label = f" labelled {found.label!r}" if found.label else ""
    return f"{found.filesystem}{label}"
