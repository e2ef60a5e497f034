"""What a disk is and what is on it, and every reason to leave it alone."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from controllers.block import gpt
from image.errors import ImageError
from image.flash_target import (
    Target,
    check_room,
    check_target,
    describe_disk,
    find_problems,
    get_target,
    list_targets,
    show_size,
)
from image.flash_users import User
from tests.harness.fake_disks import FakeDisks

CARD = Target(Path("/dev/sdb"), "sdb", "disk", 8 << 30, removable=True)
USB, ATA, MMC = "pci0/usb1/1-1", "pci0/ata1/host0", "platform/mmc0/mmc_host/mmc0/mmc0:1"


@pytest.fixture
def disks(tmp_path: Path) -> FakeDisks:
    return FakeDisks(tmp_path)


def test_a_stick_with_a_table(disks: FakeDisks) -> None:
    size = 8 << 20
    device = disks.disk("sdb", USB, size, device__vendor="SanDisk ", device__model="Ultra")
    table = gpt.new_table(UUID(int=1), 512, size // 512)
    table = table.with_partition(gpt.Partition(1, gpt.LINUX_FILESYSTEM, UUID(int=2), 2048, 4095, "BOOT\x1b"))
    with device.open("r+b") as file:
        for offset, data in gpt.encode(table):
            file.seek(offset)
            file.write(data)
    part = disks.part("sdb", 1)
    part.write_bytes(b"\xeb\x3c\x90mkfs.fat".ljust(54, b"\0") + b"FAT16   ".ljust(456, b"\0") + b"\x55\xaa" + bytes(1 << 20))
    target = describe_disk("sdb", disks.host)
    assert (target.size, target.model, target.transport, target.removable) == (size, "SanDisk Ultra", "usb", True)
    assert (target.kind, target.content, target.sequence, target.sector_size) == ("disk", "gpt", 7, 512)
    assert [(one.name, one.content, one.label) for one in target.parts] == [("sdb1", "vfat", "BOOT?")]
    check_target(target, force=False)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ""),
        (b"\1" * 4096, "unknown data"),
        (b"LUKS\xba\xbe\0\2".ljust(4096, b"\0"), "luks2"),
        (bytes(446) + b"\0\0\0\0\x0c\0\0\0".ljust(64, b"\0") + b"\x55\xaa", "mbr"),
        (bytes(512) + b"EFI PART" + b"\1" * 504, "a damaged gpt"),
    ],
)
def test_what_is_on_a_disk(disks: FakeDisks, content: bytes, said: str) -> None:
    device = disks.disk("sdb")
    with device.open("r+b") as file:
        file.write(content)
    assert describe_disk("sdb", disks.host).content == said


def test_a_disk_that_cannot_be_read_is_described_all_the_same(disks: FakeDisks) -> None:
    disks.disk("sdb").unlink()
    assert describe_disk("sdb", disks.host).content == "unreadable (No such file or directory)"


def test_a_partition_is_refused_and_its_disk_named(disks: FakeDisks) -> None:
    disks.disk("sdb")
    disks.part("sdb", 1)
    with pytest.raises(ImageError) as caught:
        describe_disk("sdb1", disks.host)
    assert caught.value.message.endswith("sdb1 is a partition")
    assert caught.value.hint.startswith(f"the whole disk is {disks.host.dev}/sdb;")


@pytest.mark.parametrize(
    ("name", "bus", "attributes", "removable"),
    [
        ("sdb", USB, {}, True),
        ("sdb", ATA, {}, False),
        ("sdb", ATA, {"removable": "1"}, True),
        ("nvme0n1", "pci0/nvme/nvme0", {}, False),
        ("mmcblk0", MMC, {"device__type": "SD"}, True),
        ("mmcblk0", MMC, {"device__type": "MMC"}, False),
    ],
)
def test_what_people_carry_about(disks: FakeDisks, name: str, bus: str, attributes: dict[str, str], removable: bool) -> None:
    disks.disk(name, bus, **attributes)
    target = describe_disk(name, disks.host)
    assert target.removable is removable
    assert bool(find_problems(target, force=False)) is not removable
    check_target(target, force=True)


def test_what_is_in_use_is_refused_even_by_force(disks: FakeDisks) -> None:
    disks.disk("sdb")
    disks.part("sdb", 1)
    disks.mount("sdb1", "/media/card")
    with pytest.raises(ImageError, match=r"is left alone:\n  sdb1 is mounted at /media/card"):
        check_target(describe_disk("sdb", disks.host), force=True)


def test_every_reason_is_told_at_once() -> None:
    user = User("sdb1", "is mounted at /mnt", "umount /mnt")
    target = replace(CARD, removable=False, read_only=True, size=0, users=(user,))
    assert find_problems(target, force=False) == [
        "sdb1 is mounted at /mnt (umount /mnt)",
        "it is read-only (look at the card's lock switch)",
        "there is no card in it",
        "it is neither a USB disk nor an SD card (--force, if it is really the one)",
    ]
    assert len(find_problems(target, force=True)) == 3


@pytest.mark.parametrize("name", ["dm-0", "md0", "sr0", "mmcblk0boot0", "zram0", "nbd0"])
def test_what_is_no_disk_is_refused_even_by_force(disks: FakeDisks, name: str) -> None:
    disks.disk(name)
    assert len(find_problems(describe_disk(name, disks.host), force=True)) == 1


def test_a_file_takes_force_and_a_size(tmp_path: Path, disks: FakeDisks) -> None:
    path = tmp_path / "card.img"
    path.write_bytes(b"")
    assert find_problems(get_target(path, disks.host), force=True) == ["it has no size (make a file with truncate)"]
    path.write_bytes(bytes(4096))
    target = get_target(path, disks.host)
    assert (target.kind, target.size, target.name) == ("file", 4096, "card.img")
    assert find_problems(target, force=False) == ["it is a file and no disk (--force, if that is meant)"]
    check_target(target, force=True)


@pytest.mark.parametrize(
    ("path", "problem"), [("none", "No such file"), (".", "is not a disk"), ("/dev/null", "is not a disk")]
)
def test_what_cannot_be_a_target(tmp_path: Path, disks: FakeDisks, path: str, problem: str) -> None:
    with pytest.raises(ImageError, match=problem):
        get_target(tmp_path / path, disks.host)


def test_room() -> None:
    check_room(CARD, "card.img", 8 << 30)
    with pytest.raises(ImageError, match=r"card.img needs 8.0 GiB, /dev/sdb has 8.0 GiB"):
        check_room(CARD, "card.img", (8 << 30) + 512)


def test_disks_that_may_be_flashed_are_listed_first(disks: FakeDisks) -> None:
    disks.disk("sda", ATA)
    disks.disk("sdb", USB)
    disks.disk("loop0", "virtual")
    assert [one.name for one in list_targets(disks.host)] == ["sdb", "sda"]


def test_another_card_in_the_same_reader_is_another_disk(disks: FakeDisks) -> None:
    disks.disk("sdb")
    before = describe_disk("sdb", disks.host)
    (disks.host.sys / "class/block/sdb/diskseq").write_text("8")
    assert describe_disk("sdb", disks.host).identity != before.identity


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (300 << 20, "300 MiB"), (5 << 50, "5120 TiB")]
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert show_size(size) == text
