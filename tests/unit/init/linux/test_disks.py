"""GUID partition tables, good and hostile, and the search by unique id."""

import struct
import uuid
from pathlib import Path

import pytest

from init.linux.disks import Partition, device_size, entries_at, find_medium, find_partition, read_gpt, read_label, render_guid

GUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
TYPE = uuid.UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709")


def gpt(sector: int = 512, *, count: int = 128, step: int = 128, magic: bytes = b"EFI PART") -> bytes:
    entry = TYPE.bytes_le + GUID.bytes_le + struct.pack("<QQQ", 40, 99, 0) + "ROOT-A".encode("utf-16-le").ljust(72, b"\0")
    entries = bytes(128) + entry + bytes(128 * 126)
    header = magic + bytes(84 - 12 - 8)
    header = header[:72] + struct.pack("<QII", 2, count, step)
    return bytes(sector) + header.ljust(sector, b"\0") + entries


@pytest.mark.parametrize("sector", [512, 4096])
def test_used_entries_keep_their_numbers(tmp_path: Path, sector: int) -> None:
    (tmp_path / "disk").write_bytes(gpt(sector))
    assert read_gpt(str(tmp_path / "disk"), sector) == [Partition(2, str(TYPE), str(GUID), "ROOT-A", 40, 99)]


@pytest.mark.parametrize(
    "data",
    [b"", gpt()[:600], gpt(magic=b"NOT PART"), gpt(step=64), gpt(step=0), gpt(count=0), gpt(count=100000), gpt(step=1 << 31)],
)
def test_what_is_no_sane_table_has_no_partitions(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "disk").write_bytes(data)
    assert read_gpt(str(tmp_path / "disk")) == []


def test_the_place_of_the_entries() -> None:
    assert entries_at(gpt()[512:1024]) == (2, 16384)


def test_guids_are_mixed_endian() -> None:
    assert render_guid(GUID.bytes_le) == str(GUID)


def make_disk(sys_block: Path, dev: Path, name: str, data: bytes) -> None:
    (sys_block / name / "queue").mkdir(parents=True)
    (sys_block / name / "queue/logical_block_size").write_text("512\n")
    (sys_block / name / "size").write_text(f"{len(data) // 512}\n")
    (dev / name).write_bytes(data)


def test_the_search(tmp_path: Path) -> None:
    sys_block, dev = tmp_path / "sys", tmp_path / "dev"
    dev.mkdir()
    make_disk(sys_block, dev, "nvme0n1", gpt())
    (sys_block / "nvme0n1/nvme0n1p2").mkdir()
    (sys_block / "nvme0n1/nvme0n1p2/partition").write_text("2\n")
    (sys_block / "nvme0n1p2").mkdir()
    (sys_block / "nvme0n1p2/partition").write_text("2\n")
    make_disk(sys_block, dev, "loop0", b"")
    make_disk(sys_block, dev, "sr0", bytes(2048))
    (dev / "sr0").unlink()
    node, tried = find_partition(str(GUID).upper(), str(sys_block), str(dev))
    assert node == str(dev / "nvme0n1p2")
    node, tried = find_partition("f" * 36, str(sys_block), str(dev))
    assert node is None
    assert tried == ["nvme0n1: 1 GPT partitions, none with this id", "sr0: No such file or directory"]


def test_no_disk_is_said(tmp_path: Path) -> None:
    assert find_partition("x", str(tmp_path), str(tmp_path)) == (None, ["no disk has appeared"])


def test_size(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(1234))
    assert device_size(str(tmp_path / "x")) == 1234


def iso(label: str, magic: bytes = b"\1CD001\1") -> bytes:
    return bytes(32768) + magic.ljust(40, b"\0") + label.encode().ljust(32) + bytes(2048 - 72)


def test_a_medium_is_found_by_its_label(tmp_path: Path) -> None:
    sys_block, dev = tmp_path / "sys", tmp_path / "dev"
    dev.mkdir()
    sys_block.mkdir()
    assert find_medium("OPHITE", str(sys_block), str(dev)) == (None, ["no disk has appeared"])
    make_disk(sys_block, dev, "sda", gpt())
    make_disk(sys_block, dev, "sdb", iso("DEBIAN 12"))
    make_disk(sys_block, dev, "sdc", bytes(2048))
    (dev / "sdc").unlink()
    found = find_medium("OPHITE", str(sys_block), str(dev))
    assert found == (None, ["sda: no ISO 9660", "sdb: volume DEBIAN 12", "sdc: volume (No such file or directory)"])
    make_disk(sys_block, dev, "sr0", iso("OPHITE"))
    assert find_medium("OPHITE", str(sys_block), str(dev))[0] == str(dev / "sr0")


@pytest.mark.parametrize("data", [b"", bytes(40000), iso("X")[:32800], iso("X", b"\1CD002\1"), iso("X", b"\2CD001\1")])
def test_what_is_no_medium_has_no_label(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "disk").write_bytes(data)
    assert read_label(str(tmp_path / "disk")) == ""
