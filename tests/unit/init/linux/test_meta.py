"""META: the format, its limits, and what a write that is cut off leaves."""

import os
import struct
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from init.linux import meta
from init.linux.meta import COPIES, MAGIC, MAX_PAYLOAD, META_TYPE, Meta, find_meta_partition, parse_copy, read_meta, write_meta
from tests.unit.init.linux.test_disks import GUID, TYPE, make_disk

SIZE = 1 << 20
KEYS = st.text("abcxyz019.-_", min_size=1, max_size=63).filter(meta.is_key)


@pytest.fixture
def partition(tmp_path: Path) -> Path:
    path = tmp_path / "meta"
    path.write_bytes(bytes(SIZE))
    return path


class Torn(Exception):
    """The power is cut."""


class Disk:
    """Counts the bytes that reach the disk and cuts the power after `left` of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left, self.written, self._pwrite = SIZE, 0, os.pwrite
        monkeypatch.setattr(os, "pwrite", self.pwrite)

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        piece = data[: self.left]
        self._pwrite(descriptor, piece, offset)
        self.left, self.written = self.left - len(piece), self.written + len(piece)
        if len(piece) < len(data):
            raise Torn
        return len(piece)


@given(st.integers(0, 2**63 - 1), st.dictionaries(KEYS, st.text(max_size=40), max_size=5))
def test_what_is_rendered_is_parsed(generation: int, values: dict[str, str]) -> None:
    data = meta.render_copy(Meta(generation, values))
    assert parse_copy(data) == Meta(generation, values)
    assert parse_copy(data + b"rest of the place") == Meta(generation, values)


def test_the_layout_is_that_of_the_contract(partition: Path) -> None:
    write_meta(str(partition), {"user.a": "1"})
    data = partition.read_bytes()
    assert data[:20] == b"OPHMETA1" + struct.pack("<QI", 1, 14)
    assert data[52 : 52 + 14] == b'{"user.a":"1"}'
    write_meta(str(partition), {"user.a": "2"})
    assert partition.read_bytes()[512 << 10 :][:16] == b"OPHMETA1" + struct.pack("<Q", 2)


def test_an_empty_partition_and_garbage_hold_nothing(partition: Path) -> None:
    assert read_meta(str(partition)) == Meta(0, {})
    partition.write_bytes(os.urandom(SIZE))
    assert read_meta(str(partition)) == Meta(0, {})
    write_meta(str(partition), {"a": "b"})
    assert read_meta(str(partition)) == Meta(1, {"a": "b"})


def test_writes_take_turns(partition: Path) -> None:
    for number in range(1, 6):
        write_meta(str(partition), {"n": str(number)})
        assert read_meta(str(partition)) == Meta(number, {"n": str(number)})


@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_a_write_torn_at_any_byte_leaves_the_old_or_the_new(
    partition: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    values = [{"n": str(number), "pad": "x" * (40 - 9 * number)} for number in range(before + 1)]
    for one in values[:-1]:
        write_meta(str(partition), one)
    content, old = partition.read_bytes(), read_meta(str(partition))
    disk = Disk(monkeypatch)
    write_meta(str(partition), values[-1])
    total = disk.written
    for cut in range(total + 1):
        partition.write_bytes(content)
        disk.left = cut
        try:
            write_meta(str(partition), values[-1])
        except Torn:
            assert cut < total
        found = read_meta(str(partition))
        assert found in (old, Meta(before + 1, values[-1])), cut
        assert found != old or cut < total
        disk.left = SIZE
        write_meta(str(partition), {"next": "1"})
        assert read_meta(str(partition)).values == {"next": "1"}


def test_any_changed_byte_of_the_newest_copy_gives_the_one_before(partition: Path) -> None:
    write_meta(str(partition), {"n": "1"})
    write_meta(str(partition), {"n": "2"})
    content = partition.read_bytes()
    for place in range(COPIES[1] + 16, COPIES[1] + 52 + 9):  # a changed generation alone is for the write order to rule out
        partition.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert read_meta(str(partition)) == Meta(1, {"n": "1"}), place


@pytest.mark.parametrize(
    ("values", "text"),
    [({"A": ""}, "META key 'A'"), ({"": ""}, "META key ''"), ({"a" * 64: ""}, "META key"), ({"a": "x" * MAX_PAYLOAD}, "65544")],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(partition: Path, values: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        write_meta(str(partition), values)
    assert partition.read_bytes() == bytes(SIZE)


@pytest.mark.parametrize("payload", [b"[]", b"{", b'{"a":1}', b'{"A":""}', b"\xff", b"[" * 5000])
def test_a_valid_checksum_over_something_else_is_no_copy(payload: bytes) -> None:
    header: Any = struct.pack("<8sQI32s", MAGIC, 1, len(payload), sha256(payload).digest())
    assert parse_copy(header + payload) is None


def test_length_and_generation_from_outside_are_bounded() -> None:
    assert parse_copy(struct.pack("<8sQI32s", MAGIC, 1, 1 << 31, bytes(32))) is None
    assert parse_copy(meta.render_copy(Meta(1 << 63, {}))) is None  # there must be a next one
    assert parse_copy(b"OPHMETA1") is None


def test_a_partition_that_is_too_small_or_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_meta(str(tmp_path / "none"))


def test_the_partition_is_the_one_beside_the_root(tmp_path: Path) -> None:
    sys_block, dev = tmp_path / "sys", tmp_path / "dev"
    dev.mkdir()
    for name, root in (("sda", bytes(16)), ("sdb", GUID.bytes_le)):
        make_disk(sys_block, dev, name, two_partitions(root))
        for number in (2, 3):
            (sys_block / name / f"{name}{number}").mkdir()
            (sys_block / name / f"{name}{number}/partition").write_text(f"{number}\n")
    assert find_meta_partition(str(GUID), str(sys_block), str(dev)) == str(dev / "sdb3")
    assert find_meta_partition(str(TYPE), str(sys_block), str(dev)) is None


def two_partitions(root: bytes) -> bytes:
    """A disk with a root of this unique id as number 2 and META as number 3."""

    def entry(kind: bytes, guid: bytes) -> bytes:
        return kind + guid + struct.pack("<QQQ", 40, 99, 0) + bytes(72)

    entries = bytes(128) + entry(TYPE.bytes_le, root) + entry(UUID(META_TYPE).bytes_le, bytes(15) + b"\1")
    header = (b"EFI PART" + bytes(64) + struct.pack("<QII", 2, 128, 128)).ljust(512, b"\0")
    return bytes(512) + header + entries.ljust(128 * 128, b"\0")
