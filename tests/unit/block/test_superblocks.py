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


def made(tmp_path: Path, *argv: str, mib: int = 16) -> superblocks.Superblock | None:
    """Run a program on an image of zeros, and look at what it made."""
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed")
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(mib * MIB)
    subprocess.run([*argv, str(image)], check=True, capture_output=True)
    return superblocks.probe(device_reader(image), image.stat().st_size)


UUID = "01234567-89ab-cdef-0123-456789abcdef"


def test_xfs_as_mkfs_makes_it(tmp_path: Path) -> None:
    found = made(tmp_path, "mkfs.xfs", "-q", "-L", "data", "-m", f"uuid={UUID}", mib=320)
    assert found == superblocks.Superblock("xfs", "data", UUID, 320 * MIB)


def test_btrfs_as_mkfs_makes_it(tmp_path: Path) -> None:
    found = made(tmp_path, "mkfs.btrfs", "-q", "-L", "data", "-U", UUID, mib=128)
    assert found == superblocks.Superblock("btrfs", "data", UUID)


@pytest.mark.parametrize(("version", "label"), [("luks1", ""), ("luks2", "u-data")])
def test_luks_as_cryptsetup_makes_it(tmp_path: Path, version: str, label: str) -> None:
    key = tmp_path / "key"
    key.write_text("secret")
    options = ["--batch-mode", "--type", version, "--uuid", UUID, "--key-file", str(key), "--pbkdf", "pbkdf2"]
    labels = ["--label", label] if label else []
    found = made(tmp_path, "cryptsetup", "luksFormat", *options, "--pbkdf-force-iterations", "1000", *labels, mib=32)
    assert found == superblocks.Superblock(version, label, UUID)


def test_squashfs_as_mksquashfs_makes_it(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    if shutil.which("mksquashfs") is None:
        pytest.skip("mksquashfs is not installed")
    image = tmp_path / "image"
    subprocess.run(["mksquashfs", str(tmp_path / "tree"), str(image), "-quiet"], check=True, capture_output=True)
    assert superblocks.probe(device_reader(image)) == superblocks.Superblock("squashfs")


RAID = b"\xfc\x4e\x2b\xa9" + bytes(12) + bytes(range(16)) + b"node:0\0"


@pytest.mark.parametrize("offset", [0, 4096, 2 * MIB - 8192, 2 * MIB - 65536])
def test_members_of_a_raid(offset: int) -> None:
    found = superblocks.probe(put((offset, RAID), (0 if offset else 8192, b"XFSB"), size=2 * MIB), 2 * MIB)
    assert found is not None
    assert found.filesystem == "raid", "not the file system of the whole"


def test_a_volume_of_lvm() -> None:
    label = b"LABELONE" + bytes(12) + struct.pack("<I", 32) + b"LVM2 001" + b"abc123".ljust(32, b"z")
    found = superblocks.probe(put((512, label)))
    assert found == superblocks.Superblock("lvm2", "", "abc123" + "z" * 26)


def test_other_signatures() -> None:
    assert superblocks.probe(put((32769, b"CD001"), (32808, b"OPHITE   "))) == superblocks.Superblock("iso9660", "OPHITE")
    assert superblocks.probe(put((128 * 1024 + 5 * 1024, superblocks.ZFS_UBERBLOCK), size=MIB)) == superblocks.Superblock("zfs")
    assert superblocks.probe(put((0, b"LUKS\xba\xbe\0\2"))) == superblocks.Superblock("luks2")


@pytest.mark.parametrize(("name", "offset", "magic"), superblocks.FOREIGN)
def test_foreign_signatures_are_known_by_name(name: str, offset: int, magic: bytes) -> None:
    assert superblocks.probe(put((offset, magic))) == superblocks.Superblock(name)


def test_kinds_in_words() -> None:
    assert superblocks.describe("luks2") == "LUKS2 encryption"
    assert superblocks.describe("xfs") == "a xfs file system"


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
    for size in (0, len(noise), 2**40):
        found = superblocks.probe(reader(noise), size)
        assert found is None or found.filesystem
