"""What is written is what was read; nothing boots before it is whole; disks that lose or lie are found out."""

import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from image.errors import ImageError
from image.flash_disk import FlashError, OpenDisk, explain
from image.flash_source import PIECE
from image.flash_write import (
    MARK,
    MOST,
    RUN,
    Marks,
    Written,
    check_body,
    erase_beginning,
    erase_end,
    judge,
    plan_marks,
    read_digest,
    write_body,
    write_first,
)

SIZE = 128 << 20
PATH = Path("/dev/null")


class Memory(OpenDisk):
    """A disk in memory that says `size` and has `real` bytes: it wraps around there, or loses what lies behind."""

    def __init__(self, size: int = SIZE, real: int | None = None, *, wraps: bool = False) -> None:
        self.path, self.size, self.real, self.wraps = PATH, size, real or size, wraps
        self.pieces: dict[int, bytes] = {}
        self.log: list[tuple[str, int, int]] = []
        self.broken: dict[int, int] = {}  # offset → error number of reading it
        self.full: int | None = None

    def write(self, offset: int, data: bytes) -> None:
        self.log.append(("write", offset, len(data)))
        if self.full is not None and offset + len(data) > self.full:
            raise explain(OSError(errno.ENOSPC, "No space left"), self.path, "write", offset)
        for at in range(0, len(data), MARK):
            self._store(offset + at, data[at : at + MARK])

    def zero(self, offset: int, length: int) -> None:
        if length:
            self.log.append(("zero", offset, length))
        for at in range(offset, offset + length, MARK):
            self._store(at, bytes(min(MARK, offset + length - at)))

    def read(self, offset: int, length: int) -> bytes:
        if offset in self.broken:
            raise explain(OSError(self.broken[offset], "error"), self.path, "read", offset)
        places = range(offset, offset + length, MARK)
        return b"".join(self.pieces.get(self._place(at), bytes(MARK)) for at in places)[:length]

    def sync(self) -> None:
        self.log.append(("sync", 0, 0))

    def _store(self, offset: int, data: bytes) -> None:
        place = self._place(offset)
        if place < self.real:
            self.pieces[place] = data.ljust(MARK, b"\0")

    def _place(self, offset: int) -> int:
        return offset % self.real if self.wraps else offset


def piece(number: int) -> bytes:
    """A piece that is like no other."""
    return hashlib.sha256(bytes([number])).digest() * (PIECE // 32)


def pieces(count: int) -> Iterator[bytes]:
    return iter([piece(number) for number in range(count)])


def ignore(_: object) -> None:
    """No progress is shown."""


def body(disk: OpenDisk, given: Iterator[bytes]) -> Written:
    return write_body(disk, given, ignore)


def test_the_first_piece_is_written_last() -> None:
    disk, seen = Memory(), list[int]()
    erase_beginning(disk)
    written = write_body(disk, pieces(3), seen.append)
    assert (written.size, written.first, seen) == (3 * PIECE, piece(0), [PIECE] * 3)
    assert disk.read(0, PIECE) == bytes(PIECE)
    check_body(disk, written, ignore)
    write_first(disk, written, compare=True)
    assert disk.read(0, 3 * PIECE) == b"".join(pieces(3))
    assert disk.log == [
        ("zero", 0, PIECE),
        ("sync", 0, 0),
        ("write", PIECE, PIECE),
        ("write", 2 * PIECE, PIECE),
        ("sync", 0, 0),
        ("write", 0, PIECE),
        ("sync", 0, 0),
    ]


def test_both_ends_are_erased() -> None:
    disk = Memory()
    disk.write(0, b"\1" * PIECE)
    disk.write(SIZE - PIECE, b"\1" * PIECE)
    erase_end(disk)
    erase_beginning(disk)
    assert not any(disk.read(0, PIECE))
    assert not any(disk.read(SIZE - (1 << 20), 1 << 20))
    small = Memory(MARK)
    erase_end(small)
    erase_beginning(small)
    assert {entry[1:] for entry in small.log if entry[0] == "zero"} == {(0, MARK)}


def test_zeros_are_made_in_runs_and_not_skipped() -> None:
    disk = Memory()
    for at in range(0, SIZE, PIECE):
        disk.write(at, b"\1" * PIECE)
    disk.log.clear()
    blank, tail = bytes(PIECE), bytes(512)
    many = RUN // PIECE
    written = body(disk, iter([piece(0), *[blank] * (many + 2), piece(1), blank, tail]))
    assert disk.log == [
        ("zero", PIECE, RUN),
        ("zero", PIECE + RUN, 2 * PIECE),
        ("write", RUN + 3 * PIECE, PIECE),
        ("zero", RUN + 4 * PIECE, PIECE + 512),
        ("sync", 0, 0),
    ]
    check_body(disk, written, ignore)


def test_an_image_that_goes_on_where_the_disk_ends() -> None:
    disk = Memory(2 * PIECE)
    with pytest.raises(ImageError, match="does not fit"):
        body(disk, pieces(3))
    assert not any(disk.read(0, PIECE))


def test_a_damaged_image_ends_the_writing() -> None:
    def broken() -> Iterator[bytes]:
        yield piece(0)
        yield piece(1)
        raise ImageError("image.xz is damaged")

    disk = Memory()
    with pytest.raises(ImageError, match=r"image.xz is damaged"):
        body(disk, broken())
    assert not any(disk.read(0, PIECE))


def test_a_disk_that_is_full_before_its_end() -> None:
    disk = Memory()
    disk.full = 2 * PIECE
    with pytest.raises(FlashError, match="cannot write at 8 MiB: it is full before its end"):
        body(disk, pieces(4))


def test_a_byte_that_changed() -> None:
    disk = Memory()
    written = body(disk, pieces(4))
    disk.pieces[2 * PIECE] = b"x" + disk.pieces[2 * PIECE][1:]
    with pytest.raises(FlashError, match="1 of 4 pieces are not as they were written, the first at 8 MiB\n") as caught:
        check_body(disk, written, ignore)
    assert "another card" in caught.value.hint


def test_places_that_cannot_be_read() -> None:
    disk = Memory()
    written = body(disk, pieces(8))
    disk.broken = {PIECE: errno.EIO, 3 * PIECE: errno.EIO}
    with pytest.raises(FlashError, match=r"2 of 8 pieces .* the first at 4 MiB: they cannot be read"):
        check_body(disk, written, ignore)


def test_a_disk_that_vanishes_while_it_is_read() -> None:
    disk = Memory()
    written = body(disk, pieces(4))
    disk.broken = {2 * PIECE: errno.ENODEV}
    with pytest.raises(FlashError, match="has vanished"):
        check_body(disk, written, ignore)


@pytest.mark.parametrize("wraps", [True, False])
def test_a_disk_that_is_smaller_than_the_image(wraps: bool) -> None:
    disk = Memory(SIZE, 8 * PIECE, wraps=wraps)
    written = body(disk, pieces(13))
    with pytest.raises(FlashError, match="it is smaller than it says") as caught:
        check_body(disk, written, ignore)
    where = "at 4 MiB there is what belongs to 36 MiB" if wraps else "5 of 13 pieces .* at 32 MiB, and nothing is right behind"
    assert caught.match(where)


@pytest.mark.parametrize("wraps", [True, False])
@pytest.mark.parametrize("real", [SIZE // 2, SIZE // 4, SIZE // 2 + 3 * PIECE, SIZE // 4 + PIECE])
def test_a_disk_that_is_larger_than_the_image_and_smaller_than_it_says(wraps: bool, real: int) -> None:
    disk, count = Memory(SIZE, real, wraps=wraps), 5
    marks = Marks(disk, count * PIECE, b"seed")
    erase_end(disk)
    marks.write()
    erase_beginning(disk)
    written = body(disk, pieces(count))
    check_body(disk, written, ignore)
    with pytest.raises(FlashError, match="is not there any more: it is smaller than it says"):
        marks.check(written.size)


def test_marks_on_an_honest_disk_leave_zeros() -> None:
    disk = Memory()
    marks = Marks(disk, 5 * PIECE)
    erase_end(disk)
    marks.write()
    assert any(disk.read(SIZE - MARK, MARK))
    erase_beginning(disk)
    written = body(disk, pieces(5))
    check_body(disk, written, ignore)
    marks.check(written.size)
    marks.erase(written.size)
    write_first(disk, written, compare=True)
    assert disk.read(0, SIZE) == b"".join(pieces(5)) + bytes(SIZE - 5 * PIECE)


@pytest.mark.parametrize(
    ("size", "image", "places"),
    [
        (SIZE, 40 << 20, [40 << 20, 80 << 20, 120 << 20, SIZE - MARK]),
        (SIZE, (40 << 20) + 512, [(40 << 20) + MARK, (80 << 20) + MARK, (120 << 20) + MARK, SIZE - MARK]),
        (SIZE, 64 << 20, [64 << 20, SIZE - MARK]),
        (SIZE, SIZE - MARK, [SIZE - MARK]),
        (SIZE, SIZE - MARK + 1, []),
        (SIZE, SIZE, []),
        (SIZE + 1536, 100 << 20, [100 << 20, SIZE - MARK]),
        (512, 512, []),
    ],
)
def test_where_marks_go(size: int, image: int, places: list[int]) -> None:
    assert list(plan_marks(size, image)) == places


def test_an_image_that_is_larger_than_it_said_goes_over_marks() -> None:
    disk = Memory()
    marks = Marks(disk, PIECE)
    erase_end(disk)
    marks.write()
    erase_beginning(disk)
    written = body(disk, pieces(5))
    check_body(disk, written, ignore)
    marks.check(written.size)
    marks.erase(written.size)
    check_body(disk, written, ignore)
    assert not any(disk.read(5 * PIECE, SIZE - 5 * PIECE))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy host is no failure
@given(st.integers(1, 1 << 41), st.integers(MARK, 1 << 33), st.integers(1, 1 << 41))
def test_wherever_addresses_begin_anew_a_mark_falls_into_the_image(size: int, image: int, real: int) -> None:
    places = plan_marks(size, image)
    assert len(places) <= MOST + 2
    assert list(places) == sorted(set(places))
    assert all(image <= at <= size - MARK for at in places)
    if image * MOST >= size and image + 2 * MARK <= real <= size - 2 * MARK:
        assert any(at % real < image for at in places if at >= real)


def test_a_first_piece_that_is_not_kept_is_taken_away_again() -> None:
    disk = Memory()
    written = body(disk, pieces(2))
    written.digests[0] = b"another"
    with pytest.raises(FlashError, match="the first piece is not as it was written"):
        write_first(disk, written, compare=True)
    assert not any(disk.read(0, PIECE))
    write_first(disk, written, compare=False)
    assert disk.read(0, PIECE) == piece(0)


def test_hashes_of_what_is_there() -> None:
    disk = Memory()
    disk.write(0, piece(1))
    assert read_digest(disk, 0, PIECE) == hashlib.sha256(piece(1)).digest()
    disk.broken = {0: errno.EIO}
    assert read_digest(disk, 0, PIECE) == b""


def test_a_card_of_zeros_is_no_proof_of_another_address() -> None:
    zeros = hashlib.sha256(bytes(PIECE)).digest()
    digests = [b"a", zeros, zeros, b"b", b"c", b"d"]
    assert judge({3: zeros}, digests).endswith("the first at 12 MiB")
    assert judge({3: b"d"}, digests).endswith("at 12 MiB there is what belongs to 20 MiB: it is smaller than it says")
