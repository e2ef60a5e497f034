"""How large a packed file is when it is unpacked, by its own words, without unpacking it.

What is said here is for a bar on the screen and for an early refusal; whoever unpacks it counts for himself.
Sources: The .xz File Format 1.2.1, chapters 2.1.2 and 4; RFC 8878, chapter 3.1.1.1.
"""

from __future__ import annotations

import struct
from typing import IO

XZ_ENDS = 24  # bytes of a stream's header and footer
XZ_FOOTER = 12
XZ_INDEX_LIMIT = 16 << 20  # bytes


def read_xz_size(file: IO[bytes], stored: int) -> int | None:
    """The unpacked size of a file with one xz stream, from its index; None when it says nothing that can be used."""
    if stored < XZ_ENDS + 8:
        return None
    file.seek(stored - XZ_FOOTER)
    footer = file.read(XZ_FOOTER)
    backward = (struct.unpack_from("<I", footer, 4)[0] + 1) * 4
    if footer[10:] != b"YZ" or backward > min(stored - XZ_ENDS, XZ_INDEX_LIMIT):
        return None
    file.seek(stored - XZ_FOOTER - backward)
    return parse_xz_index(file.read(backward), stored)


def parse_xz_index(index: bytes, stored: int) -> int | None:
    """Add up what the records of an index say; None unless they account for the whole file, which then is one stream."""
    try:
        if index[0] != 0:
            return None
        count, at = _read_number(index, 1)
        packed = size = 0
        for _ in range(min(count, len(index))):
            unpadded, at = _read_number(index, at)
            length, at = _read_number(index, at)
            packed, size = packed + (unpadded + 3) // 4 * 4, size + length
    except IndexError:
        return None
    return size if packed + len(index) + XZ_ENDS == stored else None


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    """A number in 7-bit groups, the lowest first, and where the next one begins. Raises `IndexError`."""
    number = shift = 0
    while True:
        byte = data[at]
        number, at = number | (byte & 0x7F) << shift, at + 1
        if byte < 0x80 or shift > 56:
            return number, at
        shift += 7


def parse_zstd_size(head: bytes) -> int | None:
    """The unpacked size that the first frame's header states, if it does."""
    descriptor = head[4] if len(head) > 4 else 0
    flag, single = descriptor >> 6, descriptor >> 5 & 1
    at = 5 + (0 if single else 1) + (0, 1, 2, 4)[descriptor & 3]
    length = (1 if single else 0, 2, 4, 8)[flag]
    field = head[at : at + length]
    if not length or len(field) < length:
        return None
    return int.from_bytes(field, "little") + (256 if length == 2 else 0)
