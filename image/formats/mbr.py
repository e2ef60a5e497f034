"""The old partition table in the first sector of a disk, for firmware that knows or trusts no other.

Four entries of 16 bytes at offset 446 (UEFI specification 2.10, table 5-1). A Raspberry Pi boots from it; Linux believes the
GPT of the same disk when the word `gpt` is on its command line (kernel-parameters.txt). So there is no entry of type 0xEE
here: with one the firmware would read the GPT too, which it does worse (docs/boards.md).
Trap: places by cylinder, head and sector are long meaningless; all ones mean "look at the sector numbers".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

TABLE_OFFSET = 440  # of what `encode_table` gives: disk signature, two zeros, entries, boot signature
ENTRY = struct.Struct("<B3sB3sII")  # flag, first by cylinder, type, last by cylinder, first sector, sectors
ENTRIES = 4
NO_CYLINDERS = b"\xfe\xff\xff"
SIGNATURE = b"\x55\xaa"
FAT32 = 0x0C  # FAT32, by sector numbers
LINUX = 0x83
LIMIT = 1 << 32  # sectors


@dataclass(frozen=True)
class Entry:
    """One partition; `start` and `size` in sectors of 512 bytes."""

    type: int
    start: int
    size: int


def encode_table(signature: int, entries: Sequence[Entry]) -> bytes:
    """The bytes from offset 440 to the end of the sector. Raises `ValueError` for what the format cannot say."""
    if len(entries) > ENTRIES:
        raise ValueError(f"{len(entries)} partitions, the table has {ENTRIES}")
    table = bytearray(ENTRIES * ENTRY.size)
    for index, entry in enumerate(entries):
        if not 0 < entry.start < entry.start + entry.size <= LIMIT:
            raise ValueError(f"a partition of {entry.size} sectors at sector {entry.start}")
        fields = (0, NO_CYLINDERS, entry.type, NO_CYLINDERS, entry.start, entry.size)
        ENTRY.pack_into(table, index * ENTRY.size, *fields)
    return struct.pack("<IH", signature, 0) + bytes(table) + SIGNATURE


def parse_table(sector: bytes) -> tuple[Entry, ...]:
    """The entries of a first sector that are in use; none when it has no boot signature."""
    if sector[510:512] != SIGNATURE:
        return ()
    rows = (ENTRY.unpack_from(sector, 446 + index * ENTRY.size) for index in range(ENTRIES))
    return tuple(Entry(kind, start, size) for _, _, kind, _, start, size in rows if kind)
