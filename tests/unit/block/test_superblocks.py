"""Superblocks: made by the real programs where they are installed, by hand where not, and hostile ones."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.block import superblocks
from controllers.block.discovery import device_reader
from controllers.block.gpt import Read

MIB = 1024 * 1024


def reader(data: bytes) -> Read:
    return lambda offset, length: data[offset : offset + length]


def put(*pieces: tuple[int, bytes], size: int = 128 * 1024) -> Read:
    data = bytearray(size)
    for offset, piece in pieces:
        data[offset : offset + len(piece)] = piece
    return reader(bytes(data))


@pytest.mark.skipif(shutil.which("mke2fs") is None, reason="mke2fs is not installed")
def test_ext4_as_mke2fs_makes_it(tmp_path: Path) -> None:
    image = tmp_path / "image"
    uuid = "01234567-89ab-cdef-0123-456789abcdef"
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-L", "STATE", "-U", uuid, str(image), "16M"], check=True)
    assert superblocks.probe(device_reader(image)) == superblocks.Superblock("ext4", "STATE", uuid, 16 * MIB)


@pytest.mark.skipif(shutil.which("mkswap") is None, reason="mkswap is not installed")
def test_swap_as_mkswap_makes_it(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(MIB))
    image.chmod(0o600)
    subprocess.run(["mkswap", "-q", "-L", "pages", str(image)], check=True, capture_output=True)
    found = superblocks.probe(device_reader(image))
    assert found is not None
    assert (found.filesystem, found.label) == ("swap", "pages")
    assert len(found.uuid) == 36


@pytest.mark.skipif(shutil.which("mkfs.vfat") is None, reason="mkfs.vfat is not installed")
def test_vfat_as_mkfs_makes_it(tmp_path: Path) -> None:
    image = tmp_path / "image"
    subprocess.run(
        ["mkfs.vfat", "-C", "-F", "32", "-n", "ESP", "-i", "1234ABCD", str(image), "40960"], check=True, capture_output=True
    )
    assert superblocks.probe(device_reader(image)) == superblocks.Superblock("vfat", "ESP", "1234-ABCD")


@pytest.mark.skipif(shutil.which("mkfs.erofs") is None, reason="mkfs.erofs is not installed")
def test_erofs_as_mkfs_makes_it(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    uuid = "01234567-89ab-cdef-0123-456789abcdef"
    image = tmp_path / "image"
    subprocess.run(["mkfs.erofs", "-U", uuid, str(image), str(tmp_path / "tree")], check=True, capture_output=True)
    found = superblocks.probe(device_reader(image))
    assert found is not None
    assert (found.filesystem, found.uuid) == ("erofs", uuid)


def test_xfs() -> None:
    found = superblocks.probe(put((0, b"XFSB"), (32, bytes(range(16))), (108, b"data\0")))
    assert found == superblocks.Superblock("xfs", "data", "00010203-0405-0607-0809-0a0b0c0d0e0f")


@pytest.mark.parametrize(("name", "offset", "magic"), superblocks.FOREIGN)
def test_foreign_signatures_are_known_by_name(name: str, offset: int, magic: bytes) -> None:
    assert superblocks.probe(put((offset, magic))) == superblocks.Superblock(name)


@pytest.mark.parametrize(("incompat", "compat", "kind"), [(0x40, 4, "ext4"), (2, 4, "ext3"), (2, 0, "ext2")])
def test_kinds_of_ext(incompat: int, compat: int, kind: str) -> None:
    found = superblocks.probe(put((1080, struct.pack("<H", 0xEF53)), (1024 + 92, struct.pack("<II", compat, incompat))))
    assert found is not None
    assert found.filesystem == kind


def test_labels_are_cleaned() -> None:
    found = superblocks.probe(put((1080, struct.pack("<H", 0xEF53)), (1024 + 120, b"a\x1b[31mb\xff")))
    assert found is not None
    assert found.label == "a?[31mb\N{REPLACEMENT CHARACTER}"


def test_blank() -> None:
    assert superblocks.is_blank(reader(bytes(4 * MIB)), 4 * MIB)
    assert not superblocks.is_blank(reader(bytes(4 * MIB - 1) + b"x"), 4 * MIB)
    assert not superblocks.is_blank(reader(bytes(MIB - 1) + b"x" + bytes(MIB)), 2 * MIB)


def test_mbr_partitions() -> None:
    sector = bytearray(512)
    sector[510:] = b"\x55\xaa"
    assert not superblocks.has_mbr_partitions(bytes(sector))
    sector[462 + 4] = 0x83
    assert superblocks.has_mbr_partitions(bytes(sector))


@settings(deadline=None)
@given(st.binary(max_size=8192))
def test_no_noise_crashes_the_probes(noise: bytes) -> None:
    found = superblocks.probe(reader(noise))
    assert found is None or found.filesystem
