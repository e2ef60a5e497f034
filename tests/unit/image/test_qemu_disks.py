"""Disks of virtual machines: QEMU's options, and what cannot be made."""

from __future__ import annotations

import pytest

from image.errors import ImageError
from image.qemu_disks import Disk, parse_disk, plan_disks


def test_a_plain_disk_is_virtio_and_skips_flushes() -> None:
    assert plan_disks([Disk("disk", 64, boot=0)]) == [
        *("-drive", "if=none,id=disk,discard=unmap,format=raw,file=disk.img,cache=unsafe"),
        *("-device", "virtio-blk-pci,drive=disk,bootindex=0"),
    ]


def test_a_log_of_writes_sees_the_flushes_that_the_file_is_spared() -> None:
    backend = plan_disks([Disk("disk", 64, writes=True)])[1]
    assert "driver=blklogwrites,cache=writeback" in backend
    assert "file.filename=disk.img,file.cache.no-flush=on" in backend
    assert "log.filename=disk.writes" in backend
    assert "cache=unsafe" not in backend


def test_every_property_reaches_its_device() -> None:
    disk = parse_disk("data", "64,bus=scsi,sector=4096,serial=one,wwn=0x5000c500a1b2c3d4,ro")
    argv = plan_disks([disk])
    assert argv[:2] == ["-device", "virtio-scsi-pci,id=scsi"]
    assert argv[3].endswith(",readonly=on")
    assert argv[5] == (
        "scsi-hd,bus=scsi.0,drive=data,logical_block_size=4096,physical_block_size=4096,serial=one,wwn=0x5000c500a1b2c3d4"
    )


def test_nvme_has_a_serial_of_its_own() -> None:
    assert plan_disks([Disk("data", 64, "nvme")])[-1] == "nvme,drive=data,serial=data"


def test_disks_of_one_bus_share_its_controller_and_have_their_own_ports() -> None:
    argv = plan_disks([Disk("one", 64, "ahci"), Disk("two", 64, "usb"), Disk("three", 64, "ahci")])
    assert argv.count("ich9-ahci,id=ahci") == 1
    assert "ide-hd,bus=ahci.0,drive=one" in argv
    assert "ide-hd,bus=ahci.1,drive=three" in argv


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("64,bus=floppy", "no bus 'floppy'"),
        ("0", "0 MiB"),
        ("many", "invalid literal"),
        ("64,sector=520", "sectors of 520 bytes"),
        ("64,bus=ahci,sector=4096", "ahci has sectors of 512 bytes"),
        ("64,bus=ahci,ro", "cannot be read-only"),
        ("64,wwn=0x1", "virtio has no world wide name"),
        ("64,bus=scsi,wwn=0x10000000000000000", "is not valid"),
        ("64,serial=a b", "serial 'a b' is not valid"),
        ("64,colour=red", "unknown colour"),
    ],
)
def test_a_disk_that_cannot_be_is_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(ImageError, match=problem) as caught:
        parse_disk("data", text)
    assert caught.value.hint


def test_two_disks_of_one_name_are_refused() -> None:
    with pytest.raises(ImageError, match="two disks of one name"):
        plan_disks([Disk("disk", 64), Disk("disk", 64)])


def test_a_name_that_would_leave_its_option_is_refused() -> None:
    with pytest.raises(ImageError, match="name"):
        plan_disks([Disk("a,readonly=on", 64)])
