"""The mark of an installation under way: one sector in the gap before the first partition, so that it is there or it is not.

It is written before anything else changes on a disk and zeroed after the last step. While it is there, what the disk holds is
half of an installation and may be begun again without `wipe`, however torn partition table and file systems are. It names
the GPT's disk id, which a second attempt keeps: a whole table with another id was made by somebody else afterwards.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

from controllers.block import gpt

OFFSET = 512 * 1024
"""Bytes from the start: behind every partition table, before the first MiB where partitions begin."""
MAGIC = b"OPHITE INSTALLS\0"
SIZE = len(MAGIC) + 16 + 32


def render_mark(disk_uuid: UUID, sector_size: int) -> bytes:
    """Return the sector: magic, the GPT's disk id, SHA-256 of both, zeros."""
    head = MAGIC + disk_uuid.bytes
    return (head + hashlib.sha256(head).digest()).ljust(sector_size, b"\0")


def read_mark(read: gpt.Read) -> UUID | None:
    """Return the disk id that the mark names, None when there is no mark. Raises `OSError` of `read`."""
    data = read(OFFSET, SIZE)
    head, digest = data[: SIZE - 32], data[SIZE - 32 :]
    if not head.startswith(MAGIC) or hashlib.sha256(head).digest() != digest:
        return None
    return UUID(bytes=head[len(MAGIC) :])
