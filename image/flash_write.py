"""The writing itself: everything but the beginning, read back and compared, and then the beginning.

The first piece has the partition table and what boots. It is zeros from the first moment on and written last, when all else
has been read back right, so a disk whose flash was interrupted or failed never looks like a good one.
Trap: cheap cards that say they are large lose or overwrite what lies beyond their true size, and report success. The image
may end before that; so marks are written where it does not reach, and looked for when the image has gone through the
card's memory. What was read back wrong is compared with all other pieces, because such cards often give back
another address.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache

from image.errors import ImageError
from image.flash_disk import FlashError, OpenDisk
from image.flash_source import PIECE

END = 1 << 20  # bytes at the end where a GPT's second copy and signatures of RAIDs are
MARK = 4096  # bytes
MOST = 1024  # marks
RUN = 64 << 20  # bytes of zeros that are asked for at once: short enough for a bar that moves
SHOWN_BAD = 3
ZEROS = bytes(PIECE)
OTHER_CARD = "take another card or disk; this one loses what is written to it"

Advance = Callable[[int], None]
"""Told after each piece: how many bytes are done besides."""


@dataclass
class Written:
    """What was written: the hash of each piece, the first one itself, and the size in bytes."""

    digests: list[bytes] = field(default_factory=list)
    first: bytes = b""
    size: int = 0


def erase_end(disk: OpenDisk) -> None:
    """Zeros over the end, where the second copy of a table and signatures are."""
    length = min(END, disk.size)
    disk.zero(disk.size - length, length)


def erase_beginning(disk: OpenDisk) -> None:
    """Zeros over the beginning, where tables, signatures and boot code are; from now on nothing boots from it."""
    disk.zero(0, min(PIECE, disk.size))
    disk.sync()


def write_body(disk: OpenDisk, pieces: Iterator[bytes], advance: Advance) -> Written:
    """Write all pieces but the first, which is kept. Raises `ImageError`, `FlashError`."""
    written, zeros = Written(), 0
    for data in read_ahead(pieces):
        at, written.size = written.size, written.size + len(data)
        if written.size > disk.size:
            raise ImageError("the image does not fit: it goes on where the disk ends", "take a larger card or disk")
        written.digests.append(digest(data))
        if at == 0:
            written.first = data
        elif is_zero(data):
            zeros += len(data)
            if zeros >= RUN:
                disk.zero(at + len(data) - zeros, zeros)
                zeros = 0
        else:
            disk.zero(at - zeros, zeros)
            zeros = 0
            disk.write(at, data)
        advance(len(data))
    disk.zero(written.size - zeros, zeros)
    disk.sync()
    return written


def is_zero(data: bytes) -> bool:
    """Whether all bytes of a piece are zero; most of an image is, and comparing is what is fastest."""
    return data == ZEROS[: len(data)]


def digest(data: bytes) -> bytes:
    """SHA-256 of a piece."""
    return digest_zeros(len(data)) if is_zero(data) else hashlib.sha256(data).digest()


@cache
def digest_zeros(length: int) -> bytes:
    """SHA-256 of so many zeros."""
    return hashlib.sha256(bytes(length)).digest()


def read_ahead(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces; the next one is unpacked while this one is written."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, pieces, b"")
        while data := waiting.result():
            waiting = pool.submit(next, pieces, b"")
            yield data


def check_body(disk: OpenDisk, written: Written, advance: Advance) -> None:
    """Read back all but the first piece. Raises `FlashError` that says what is wrong with the disk."""
    bad: dict[int, bytes] = {}
    for index in range(1, len(written.digests)):
        at = index * PIECE
        length = min(PIECE, written.size - at)
        found = read_digest(disk, at, length)
        if found != written.digests[index]:
            bad[index] = found
        advance(length)
    if bad:
        raise FlashError(f"{disk.path}: {judge(bad, written.digests)}", OTHER_CARD)


def read_digest(disk: OpenDisk, offset: int, length: int) -> bytes:
    """The hash of a piece as it is on the disk; nothing where it cannot be read. Raises `FlashError` when the disk is gone."""
    try:
        return digest(disk.read(offset, length))
    except FlashError as error:
        if error.gone:
            raise
        return b""


def judge(bad: dict[int, bytes], digests: list[bytes]) -> str:
    """What pieces that came back wrong say about a disk, in words. In: index → hash of what was read, b"" for nothing."""
    first, places = min(bad), {one: index for index, one in enumerate(digests)}
    head = f"{len(bad)} of {len(digests)} pieces are not as they were written, the first at {megabytes(first)}"
    for index, found in sorted(bad.items()):
        other = places.get(found)
        if other is not None and digests.count(found) == 1:
            return f"{head}; at {megabytes(index)} there is what belongs to {megabytes(other)}: it is smaller than it says"
    if len(bad) > SHOWN_BAD and len(bad) == len(digests) - first:
        return f"{head}, and nothing is right behind it: it is smaller than it says"
    if not any(bad.values()):
        return f"{head}: they cannot be read"
    return head


def megabytes(index: int) -> str:
    """Where a piece begins."""
    return f"{index * PIECE >> 20} MiB"


def write_first(disk: OpenDisk, written: Written, *, compare: bool) -> None:
    """Write the piece that makes the disk bootable, and read it back. Raises `FlashError`."""
    disk.write(0, written.first)
    disk.sync()
    if compare and read_digest(disk, 0, len(written.first)) != written.digests[0]:
        disk.zero(0, len(written.first))
        disk.sync()
        raise FlashError(f"{disk.path}: the first piece is not as it was written", OTHER_CARD)


def plan_marks(size: int, image: int) -> tuple[int, ...]:
    """Where marks go on a disk of `size` bytes beside an image of `image` bytes: so close that wherever addresses begin anew,
    one of them falls into the image (of `MARK` bytes or more), and one at the end."""
    end = size // MARK * MARK - MARK
    step = max(image // MARK, -(-size // MARK // MOST), 1) * MARK
    first = -(-image // MARK) * MARK
    return (*range(first, end, step), *((end,) if first <= end else ()))


def render_mark(seed: bytes, offset: int) -> bytes:
    """`MARK` bytes that no other place and no other run has."""
    return hashlib.sha256(seed + offset.to_bytes(8, "little")).digest() * (MARK // 32)


class Marks:
    """Marks beyond the image: written before it, found again after it, then made zeros."""

    def __init__(self, disk: OpenDisk, image: int, seed: bytes | None = None) -> None:
        self._disk, self._seed = disk, seed or os.urandom(16)
        self._places = plan_marks(disk.size, image)

    def write(self) -> None:
        """Write them. Raises `FlashError`."""
        for at in self._places:
            self._disk.write(at, render_mark(self._seed, at))
        self._disk.sync()

    def check(self, image: int) -> None:
        """Raise `FlashError` unless each one is where it was written; an image that was larger than it said went over some."""
        lost = [at for at in self._places if at >= image and self._lost(at)]
        if lost:
            what = f"what was written at {lost[0] >> 20} MiB is not there any more: it is smaller than it says"
            raise FlashError(f"{self._disk.path}: {what}", OTHER_CARD)

    def erase(self, image: int) -> None:
        """Leave zeros behind the image. Raises `FlashError`."""
        for at in self._places:
            if at >= image:
                self._disk.zero(at, MARK)

    def _lost(self, at: int) -> bool:
        return read_digest(self._disk, at, MARK) != digest(render_mark(self._seed, at))
