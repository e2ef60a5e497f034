"""The verity table and the sizes that follow from it."""

import hashlib
import struct
from pathlib import Path

import pytest

from init.linux import dm
from init.linux.dm import BLOCK, Verity, VerityError, open_verity

HASH = "00112233445566778899aabbccddeeff" * 2


def test_the_table() -> None:
    verity = Verity(HASH, "aa", 10)
    assert verity.table("/dev/vda3") == f"1 /dev/vda3 /dev/vda3 4096 4096 10 10 sha256 {HASH} aa"
    assert verity.table("/dev/x", dm.PANIC).endswith(f"{HASH} aa 1 panic_on_corruption")
    assert " - 1 panic" in Verity(HASH, "", 1).table("x", dm.PANIC)


def test_the_partition_is_named_by_the_hash() -> None:
    assert Verity(HASH, "", 1).partition_guid == "00112233-4455-6677-8899-aabbccddeeff"


def tree_blocks(blocks: int) -> int:
    """Count the tree by building it."""
    level, total = [hashlib.sha256(b"x").digest()] * blocks, 0
    while True:
        packed = [b"".join(level[start : start + 128]).ljust(BLOCK, b"\0") for start in range(0, len(level), 128)]
        total += len(packed)
        level = [hashlib.sha256(block).digest() for block in packed]
        if len(level) == 1:
            return total


@pytest.mark.parametrize("blocks", [1, 2, 127, 128, 129, 16384, 16385])
def test_the_size_of_the_tree(blocks: int) -> None:
    assert Verity(HASH, "", blocks).hash_blocks() == tree_blocks(blocks)
    assert Verity(HASH, "", blocks).size() == (blocks + tree_blocks(blocks)) * BLOCK


def test_structures_have_the_kernels_sizes() -> None:
    assert dm._IOCTL.size == 312
    assert dm._TARGET.size == 40


VERITY = Verity(HASH, "", 4)


class Mapper:
    """A device-mapper that fails to read one block."""

    def __init__(self, bad: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bad, self.tables, self.removed = bad, list[tuple[str, ...]](), False
        monkeypatch.setattr(dm, "create", lambda name: "/dev/dm-7")
        monkeypatch.setattr(dm, "load_verity", lambda name, device, verity, *options: self.tables.append(options))
        monkeypatch.setattr(dm, "remove", lambda name: setattr(self, "removed", True))
        monkeypatch.setattr(dm, "read_block", self.read)

    def read(self, device: str, block: int) -> bytes:
        if block == self.bad:
            raise OSError(5, "Input/output error")
        return bytes(BLOCK)


def test_a_truncated_image_is_refused_with_its_hash(tmp_path: Path) -> None:
    (tmp_path / "vda3").write_bytes(bytes(5 * BLOCK - 1))
    with pytest.raises(VerityError) as caught:
        open_verity("root", str(tmp_path / "vda3"), VERITY)
    assert HASH in str(caught.value)
    assert "truncated: 20479 of 20480 bytes" in str(caught.value)


@pytest.mark.parametrize("bad", [0, 3])
def test_a_damaged_block_is_named_with_the_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: int) -> None:
    (tmp_path / "vda3").write_bytes(bytes(5 * BLOCK))
    mapper = Mapper(bad, monkeypatch)
    with pytest.raises(VerityError) as caught:
        open_verity("root", str(tmp_path / "vda3"), VERITY)
    assert f"root hash {HASH}, but data block {bad} does not match" in str(caught.value)
    assert mapper.removed
    assert mapper.tables == [()]


def test_a_good_root_goes_on_with_panic_on_corruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vda3").write_bytes(bytes(5 * BLOCK))
    mapper = Mapper(None, monkeypatch)
    assert open_verity("root", str(tmp_path / "vda3"), VERITY) == "/dev/dm-7"
    assert mapper.tables == [(), ("panic_on_corruption",)]


def answer(*names: bytes) -> bytearray:
    """What the kernel fills in for DM_LIST_DEVICES: struct dm_name_list, each aligned to eight bytes."""
    listed = b""
    for number, name in enumerate(names, 1):
        entry = name + b"\0"
        size = -(-(12 + len(entry)) // 8) * 8
        listed += struct.pack("=QI", number << 8, size if number < len(names) else 0) + entry.ljust(size - 12, b"\0")
    head = struct.pack("=3I I II i III Q 128s 129s 7x", 4, 0, 0, 4096, 312, 1, 0, 0, 0, 0, 0, b"", b"")
    return bytearray(head + (listed or bytes(16)))


def test_names_are_listed_and_removed_by_their_beginning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    removed: list[str] = []

    def remove(name: str) -> None:
        removed.append(name)
        if name == "luks-busy":
            raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(dm, "remove", remove)
    monkeypatch.setattr(dm, "CONTROL", str(tmp_path / "control"))
    dm.remove_all("luks-")  # there is no device-mapper
    monkeypatch.setattr(dm, "_request", lambda code, name, payload: answer())
    assert dm.list_names() == []
    names = (b"ophite-root", b"luks-busy", b"luks-STATE", b"x-luks-")
    monkeypatch.setattr(dm, "_request", lambda code, name, payload: answer(*names))
    assert dm.list_names() == [name.decode() for name in names]
    dm.remove_all("luks-")
    assert removed == ["luks-busy", "luks-STATE"]
