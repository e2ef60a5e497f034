"""GUID partition tables: bytes to `Table` and back, both copies, without touching a device.

A `Table` is frozen; an edit returns another one. `encode` gives the writes that store it, in an order that leaves one
valid copy on the disk whenever the power fails: the backup at the disk's real end first, then the primary. An image
that was written to a bigger disk has its backup header in the middle: encoding its table for the disk's size moves it.
Source: UEFI specification 2.10, chapter 5. Trap: what is parsed comes from a foreign disk, so every field is checked.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from uuid import UUID

Read = Callable[[int, int], bytes]
"""`read(offset, length)`, which returns fewer bytes at the end of a device."""

SIGNATURE = b"EFI PART"
HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")  # 92 bytes, UEFI table 5-5
ENTRY = struct.Struct("<16s16sQQQ72s")  # 128 bytes, UEFI table 5-6
REVISION = 0x00010000
MAX_ENTRIES = 1024
DEFAULT_ENTRIES = 128
ALIGNMENT = 1024 * 1024
LINUX_FILESYSTEM = UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
PROTECTIVE = 0xEE
MBR_SIGNATURE = b"\x55\xaa"
MBR_SLOTS = tuple(446 + 16 * index for index in range(4))

ATTRIBUTE_COMPLETE = 1 << 48
"""Of a volume: its file system was made and mounted once. Never format it again."""
ATTRIBUTE_PROVISIONING = 1 << 49
"""Of a volume: the node is about to make the file system; what is found there may be half of one."""


class GptError(Exception):
    """A disk claims to have a partition table, and it makes no sense; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One entry. `first` and `last` are sectors, both included; `number` starts at 1."""

    number: int
    type: UUID
    uuid: UUID
    first: int
    last: int
    label: str
    attributes: int = 0

    @property
    def sectors(self) -> int:
        """How many sectors it has."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Table:
    """A partition table on a disk of `sectors` sectors of `sector_size` bytes.

    `stored_sectors` is the disk's size as the table knows it: smaller when the image was written to a bigger disk.
    `damaged` says that only one of the two copies was readable.
    """

    disk_uuid: UUID
    sector_size: int
    sectors: int
    partitions: tuple[Partition, ...] = ()
    entries: int = DEFAULT_ENTRIES
    first_usable: int = 0
    stored_sectors: int = 0
    damaged: bool = False

    @property
    def entry_sectors(self) -> int:
        """Sectors that the array of entries takes."""
        return -(-self.entries * ENTRY.size // self.sector_size)

    @property
    def last_usable(self) -> int:
        """The last sector that a partition may take."""
        return self.sectors - self.entry_sectors - 2

    @property
    def is_current(self) -> bool:
        """Whether both copies are where they belong on this disk."""
        return not self.damaged and self.stored_sectors == self.sectors

    def find(self, label: str) -> Partition | None:
        """Return the first partition of this name."""
        return next((one for one in self.partitions if one.label == label), None)

    def free_number(self) -> int:
        """Return the lowest number that no partition has. Raises `GptError` when all are taken."""
        taken = {one.number for one in self.partitions}
        for number in range(1, self.entries + 1):
            if number not in taken:
                return number
        raise GptError(f"all {self.entries} entries of the partition table are taken")

    def free_ranges(self) -> list[tuple[int, int]]:
        """Return the gaps as (first, last) sector, the first one aligned to 1 MiB."""
        step = max(ALIGNMENT // self.sector_size, 1)
        gaps, start = [], self.first_usable
        for one in sorted(self.partitions, key=lambda p: p.first):
            gaps.append((start, one.first - 1))
            start = one.last + 1
        gaps.append((start, self.last_usable))
        aligned = [(-(-first // step) * step, last) for first, last in gaps]
        return [(first, last) for first, last in aligned if last >= first]

    def room_after(self, partition: Partition) -> int:
        """Return the last sector up to which a partition could grow."""
        following = [one.first for one in self.partitions if one.first > partition.last]
        return min(following) - 1 if following else self.last_usable

    def with_partition(self, partition: Partition) -> Table:
        """Return the table with `partition` added, or replaced by its number. Raises `GptError` when it cannot be."""
        others = [one for one in self.partitions if one.number != partition.number]
        table = replace(self, partitions=tuple(sorted((*others, partition), key=lambda p: p.number)))
        _check(table)
        return table


def new_table(disk_uuid: UUID, sector_size: int, sectors: int) -> Table:
    """Return an empty table for a disk. Raises `GptError` when the disk is too small to hold one."""
    table = Table(disk_uuid, sector_size, sectors)
    table = replace(table, first_usable=2 + table.entry_sectors)
    if table.last_usable <= table.first_usable:
        raise GptError(f"a disk of {sectors} sectors is too small for a partition table")
    return table


def parse(read: Read, sector_size: int, size: int) -> Table | None:
    """Return the table of a disk of `size` bytes, from its first copy that is whole; None when there is no table.

    Raises `GptError` when there is one and no copy is usable.
    """
    sectors = size // sector_size
    problems: list[str] = []
    copies = [_parse_copy(read, lba, sector_size, sectors, problems) for lba in (1, sectors - 1)]
    primary, backup = copies
    if primary is None and backup is None:
        if problems:
            raise GptError("; ".join(problems))
        return None
    found = primary or backup
    assert found is not None
    moved = primary is not None and primary.stored_sectors != sectors
    damaged = primary is None or (backup is None and not moved)
    table = replace(found, damaged=damaged)
    _check(table)
    return table


def _parse_copy(read: Read, lba: int, sector_size: int, sectors: int, problems: list[str]) -> Table | None:
    """Return the copy whose header is at `lba`, or None; what is wrong with one that is there goes to `problems`."""
    raw = read(lba * sector_size, sector_size)
    if len(raw) < HEADER.size or not raw.startswith(SIGNATURE):
        return None
    fields = HEADER.unpack_from(raw)
    _, _, header_size, crc, _, at, other, first, _, disk, entries_at, count, entry_size, entries_crc = fields
    where = f"the partition table at sector {lba}"
    if not HEADER.size <= header_size <= sector_size:
        problems.append(f"{where} has a header of {header_size} bytes")
    elif zlib.crc32(raw[:16] + bytes(4) + raw[20:header_size]) != crc:
        problems.append(f"{where} has a wrong checksum")
    elif at != lba or entry_size != ENTRY.size or not 1 <= count <= MAX_ENTRIES or not 2 <= entries_at < sectors:
        problems.append(f"{where} has impossible fields")
    else:
        array = read(entries_at * sector_size, count * ENTRY.size)
        if zlib.crc32(array) == entries_crc and len(array) == count * ENTRY.size:
            stored = max(at, other) + 1
            partitions = tuple(_parse_entries(array))
            return Table(UUID(bytes_le=disk), sector_size, sectors, partitions, count, first, stored)
        problems.append(f"the entries of {where} have a wrong checksum")
    return None


def _parse_entries(array: bytes) -> Iterator[Partition]:
    for index, fields in enumerate(ENTRY.iter_unpack(array)):
        kind, uuid, first, last, attributes, name = fields
        if any(kind):
            label = name.decode("utf-16-le", "replace").partition("\0")[0]
            yield Partition(index + 1, UUID(bytes_le=kind), UUID(bytes_le=uuid), first, last, label, attributes)


def _check(table: Table) -> None:
    """Raise `GptError` when partitions overlap or lie outside of the disk."""
    if table.first_usable < 2 + table.entry_sectors:
        raise GptError(f"the first usable sector is {table.first_usable}, inside the table itself")
    end = table.first_usable - 1
    for one in sorted(table.partitions, key=lambda p: p.first):
        if one.last < one.first or one.first <= end:
            raise GptError(f"partition {one.number} ({one.label}) overlaps another one or ends before it begins")
        if one.number > table.entries:
            raise GptError(f"partition {one.number} does not fit into {table.entries} entries")
        end = one.last
    if end > table.last_usable:
        raise GptError(f"a partition ends at sector {end}, the disk has room up to {table.last_usable}")


def encode(table: Table, old_mbr: bytes = b"") -> list[tuple[int, bytes]]:
    """Return (offset, bytes) to write, in this order, with a flush after each. Raises `GptError` for a bad table.

    In: `old_mbr`, the first 512 bytes of the disk, of which boot code and entries of other firmware are kept.
    """
    _check(table)
    array = _encode_entries(table)
    size, backup = table.sector_size, table.sectors - 1
    backup_entries = backup - table.entry_sectors
    padded = array.ljust(table.entry_sectors * size, b"\0")
    return [
        (backup_entries * size, padded + _encode_header(table, backup, 1, backup_entries, array)),
        (size, _encode_header(table, 1, backup, 2, array) + padded),
        (0, protective_mbr(old_mbr, table)),
    ]


def _encode_header(table: Table, at: int, other: int, entries_at: int, array: bytes) -> bytes:
    fields = (at, other, table.first_usable, table.last_usable, table.disk_uuid.bytes_le, entries_at)
    tail = (table.entries, ENTRY.size, zlib.crc32(array))
    blank = HEADER.pack(SIGNATURE, REVISION, HEADER.size, 0, 0, *fields, *tail)
    header = HEADER.pack(SIGNATURE, REVISION, HEADER.size, zlib.crc32(blank), 0, *fields, *tail)
    return header.ljust(table.sector_size, b"\0")


def _encode_entries(table: Table) -> bytes:
    array = bytearray(table.entries * ENTRY.size)
    for one in table.partitions:
        name = one.label.encode("utf-16-le")
        if len(name) > 72:
            raise GptError(f"the partition name {one.label!r} is longer than 36 characters")
        fields = (one.type.bytes_le, one.uuid.bytes_le, one.first, one.last, one.attributes, name)
        ENTRY.pack_into(array, (one.number - 1) * ENTRY.size, *fields)
    return bytes(array)


def protective_mbr(old: bytes, table: Table) -> bytes:
    """Return a master boot record that says "this disk is taken", keeping boot code and hybrid entries of `old`.

    An `old` whose entries all begin where partitions of the table begin is kept as it is: a Raspberry Pi's firmware boots
    from them, and an entry of the protective type would change which of the two tables it reads (docs/boards.md).
    """
    mbr = bytearray(old[:512].ljust(512, b"\0"))
    if _mirrors(mbr, table):
        return bytes(mbr)
    size = min(table.sectors - 1, 0xFFFFFFFF)
    valid = mbr[510:512] == MBR_SIGNATURE
    slot = next((at for at in MBR_SLOTS if valid and mbr[at + 4] == PROTECTIVE), None)
    if slot is None:
        mbr[446:510] = bytes(64)
        slot = MBR_SLOTS[0]
        mbr[slot : slot + 12] = struct.pack("<B3sB3sI", 0, b"\x00\x02\x00", PROTECTIVE, b"\xff\xff\xff", 1)
        mbr[slot + 12 : slot + 16] = struct.pack("<I", size)
    elif slot == MBR_SLOTS[0] and struct.unpack_from("<I", mbr, slot + 8) == (1,):
        hybrid = any(mbr[at + 4] for at in MBR_SLOTS if at != slot)
        if not hybrid:
            mbr[slot + 12 : slot + 16] = struct.pack("<I", size)
    mbr[510:512] = MBR_SIGNATURE
    return bytes(mbr)


def _mirrors(mbr: bytes | bytearray, table: Table) -> bool:
    """Whether a master boot record has entries, and each begins where a partition of the table begins."""
    used = [at for at in MBR_SLOTS if mbr[at + 4]]
    starts = {one.first for one in table.partitions}
    first = [struct.unpack_from("<I", mbr, at + 8)[0] for at in used]
    return mbr[510:512] == MBR_SIGNATURE and bool(used) and starts.issuperset(first)
