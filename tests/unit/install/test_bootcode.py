"""GRUB's first sector and core image on a disk."""

import struct

import pytest

from controllers.install.bootcode import BootCodeError, patch_boot_record, patch_core

BOOT = bytes(range(256)) + bytes(range(184))
OLD = b"old code".ljust(440, b"\xcc") + bytes(range(1, 73))


@pytest.mark.parametrize("image", [BOOT, BOOT + bytes(70) + b"\x55\xaa"])
def test_code_is_new_and_partitions_stay(image: bytes) -> None:
    record = patch_boot_record(OLD, image, 2048)
    assert len(record) == 512
    assert record[440:] == OLD[440:]
    assert struct.unpack_from("<Q", record, 0x5C) == (2048,)
    assert record[0x66:0x68] == b"\x90\x90"
    untouched = [*range(0x5C), *range(0x64, 0x66), *range(0x68, 440)]
    assert all(record[at] == BOOT[at] for at in untouched)


def test_the_same_again_changes_nothing() -> None:
    record = patch_boot_record(OLD, BOOT, 2048)
    assert patch_boot_record(record, record[:440], 2048) == record


@pytest.mark.parametrize("size", [0, 439, 441, 511, 513])
def test_another_size_is_no_boot_image(size: int) -> None:
    with pytest.raises(BootCodeError, match=f"{size} bytes"):
        patch_boot_record(OLD, bytes(size), 2048)


def test_core_names_the_sector_behind_its_first() -> None:
    core = patch_core(b"\xaa" * 2000, 2048, 4096)
    assert struct.unpack_from("<Q", core, 500) == (2049,)
    assert core[:500] + core[508:] == b"\xaa" * 1992


@pytest.mark.parametrize("size", [512, 4097])
def test_a_core_that_does_not_fit_is_refused(size: int) -> None:
    with pytest.raises(BootCodeError, match=f"core.img has {size} bytes, and the BIOS partition has 4096"):
        patch_core(bytes(size), 2048, 4096)
