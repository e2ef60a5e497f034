"""User volumes of every kind on real disks: made, used, grown, closed, and everything foreign left alone."""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any
from uuid import UUID

import pytest

from controllers.block import gpt, superblocks, swap
from controllers.block.discovery import device_reader
from controllers.config.documents.disk_selector import DiskMatch, DiskSelector
from controllers.config.documents.existing_volume_config import ExistingMatch, ExistingVolumeConfig
from controllers.config.documents.raw_volume_config import RawVolumeConfig
from controllers.config.documents.swap_volume_config import SwapVolumeConfig
from controllers.config.documents.user_volume_config import UserVolumeConfig
from controllers.config.documents.volume_config import VolumeConfig
from controllers.resources.block import VolumePhase
from controllers.runtime.resource import Resource, new
from tests.harness.loop_disks import MIB, LoopDisk, LoopMachine, may_grow_filesystems, run, skip_without

pytestmark = pytest.mark.kernel

SECOND = DiskSelector(match=DiskMatch(serial="second"))
EPHEMERAL = new("EPHEMERAL", VolumeConfig(name="EPHEMERAL", min_size="256MiB", max_size="300MiB"))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[LoopMachine]:
    system, second = LoopDisk(tmp_path / "system.img"), LoopDisk(tmp_path / "second.img", serial="second")
    system.blank(1024 * MIB)
    second.blank(1024 * MIB)
    made = LoopMachine(tmp_path, system, second)
    try:
        yield made
    finally:
        with suppress(CalledProcessError):
            made.detach()


def user(name: str = "data", **fields: Any) -> Resource[UserVolumeConfig]:
    values = {"disk": SECOND, **fields}
    return new(name, UserVolumeConfig(name=name, **values))


async def test_ext4_and_raw_side_by_side_and_again_after_a_reboot(machine: LoopMachine) -> None:
    machine.attach()
    raw = new("ceph", RawVolumeConfig(name="ceph", disk=SECOND, max_size="20%"))
    documents: list[Resource[Any]] = [EPHEMERAL, raw, user()]
    found = await machine.reconcile(*documents)
    assert {label: (one.phase, one.error) for label, one in found.items()} == dict.fromkeys(found, (VolumePhase.READY, ""))
    assert {"nosuid", "nodev"} <= machine.options("var/mnt/data")
    assert "noexec" not in machine.options("var/mnt/data")
    assert found["r-ceph"].device == f"{machine.disks[1].loop}p1"
    for disk in machine.disks:
        disk.check_table()
    (machine.root / "var/mnt/data/kept").write_text("yes")
    write_at(Path(found["r-ceph"].device), 0, b"mine")

    machine.detach()
    machine.restart()
    machine.attach()
    found = await machine.reconcile(*documents)
    assert {one.phase for one in found.values()} == {VolumePhase.READY}
    assert (machine.root / "var/mnt/data/kept").read_text() == "yes"
    assert device_reader(found["r-ceph"].device)(0, 4) == b"mine"


async def test_a_volume_grows_while_it_is_mounted(machine: LoopMachine) -> None:
    machine.attach()
    await machine.reconcile(EPHEMERAL, user(max_size="200MiB"))
    (machine.root / "var/mnt/data/kept").write_text("yes")
    found = await machine.reconcile(EPHEMERAL, user(max_size="600MiB", grow=True))
    size = os.statvfs(machine.root / "var/mnt/data")
    assert found["u-data"].size == 600 * MIB
    if may_grow_filesystems():
        assert found["u-data"].error == ""
        assert size.f_blocks * size.f_frsize > 500 * MIB
    else:
        assert "Operation not permitted" in found["u-data"].error
    assert (machine.root / "var/mnt/data/kept").read_text() == "yes"
    machine.disks[1].check_table()


async def test_xfs_is_made_and_grown(machine: LoopMachine) -> None:
    skip_without("mkfs.xfs")
    machine.attach()
    await machine.reconcile(EPHEMERAL, user(filesystem="xfs", max_size="320MiB"))
    (machine.root / "var/mnt/data/kept").write_text("yes")
    before = os.statvfs(machine.root / "var/mnt/data").f_blocks
    found = await machine.reconcile(EPHEMERAL, user(filesystem="xfs", grow=True))
    assert (found["u-data"].phase, found["u-data"].error) == (VolumePhase.READY, "")
    assert os.statvfs(machine.root / "var/mnt/data").f_blocks > 2.5 * before
    assert (machine.root / "var/mnt/data/kept").read_text() == "yes"


async def test_a_removed_volume_is_closed_its_data_kept_and_found_again(machine: LoopMachine) -> None:
    machine.attach()
    await machine.reconcile(EPHEMERAL, user())
    (machine.root / "var/mnt/data/kept").write_text("yes")
    with (machine.root / "var/mnt/data/kept").open():
        found = await machine.reconcile(EPHEMERAL)
        assert found["u-data"].phase is VolumePhase.FAILED
        assert "busy" in found["u-data"].error
    found = await machine.reconcile(EPHEMERAL)
    assert found["u-data"].phase is VolumePhase.CLOSED
    assert machine.options("var/mnt/data") == set()
    await machine.reconcile(EPHEMERAL, user())
    assert (machine.root / "var/mnt/data/kept").read_text() == "yes"


@pytest.mark.parametrize("filesystem", ["ext4", "xfs"])
async def test_4096_byte_sectors(machine: LoopMachine, filesystem: str) -> None:
    skip_without("mkfs.xfs")
    machine.disks = [
        LoopDisk(machine.disks[0].image, sector=4096),
        LoopDisk(machine.disks[1].image, sector=4096, serial="second"),
    ]
    machine.attach()
    found = await machine.reconcile(EPHEMERAL, user(filesystem=filesystem))
    assert {label: (one.phase, one.error) for label, one in found.items()} == dict.fromkeys(found, (VolumePhase.READY, ""))
    table = gpt.parse(device_reader(machine.disks[1].loop), 4096, 1024 * MIB)
    assert table is not None
    [partition] = table.partitions
    assert (partition.first * 4096 % MIB, partition.label) == (0, "u-data")
    (machine.root / "var/mnt/data/kept").write_text("yes")


async def test_swap_is_made_and_used_where_the_kernel_can(machine: LoopMachine) -> None:
    machine.attach()
    document = new("one", SwapVolumeConfig(name="one", disk=SECOND, max_size="64MiB", priority=7))
    found = await machine.reconcile(EPHEMERAL, document)
    device = f"{machine.disks[1].loop}p1"
    made = superblocks.probe(device_reader(device))
    assert made is not None
    assert (made.filesystem, made.label) == ("swap", "s-one")
    if found["s-one"].phase is VolumePhase.FAILED:  # a container's kernel, or one without swap
        assert any(os.strerror(one) in found["s-one"].error for one in (errno.EPERM, errno.ENOSYS, errno.EINVAL))
        return
    assert device in swap.read_swaps()
    found = await machine.reconcile(EPHEMERAL)
    assert found["s-one"].phase is VolumePhase.CLOSED
    assert device not in swap.read_swaps()


async def test_an_existing_file_system_is_mounted_as_it_is(machine: LoopMachine) -> None:
    machine.attach()
    loop = machine.disks[1].loop
    run("mke2fs", "-q", "-t", "ext3", "-L", "archive", loop)
    before = device_reader(loop)(0, 1024)
    document = new("old", ExistingVolumeConfig(name="old", match=ExistingMatch(label="archive"), read_only=True))
    found = await machine.reconcile(EPHEMERAL, document, user())
    assert (found["e-old"].phase, found["e-old"].device) == (VolumePhase.READY, loop)
    assert {"ro", "nosuid", "nodev"} <= machine.options("var/mnt/old")
    assert device_reader(loop)(0, 1024) == before
    assert found["u-data"].phase is VolumePhase.FAILED, "the disk is taken"
    assert "labelled archive" in found["u-data"].error


def write_at(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def read_ends(disk: LoopDisk) -> bytes:
    """Return where everything is that a table or a file system would change first."""
    read = device_reader(disk.image)
    return read(0, 4 * MIB) + read(1020 * MIB, 4 * MIB)


MBR = (0, bytes(450) + b"\x83" + bytes(59) + b"\x55\xaa")
LVM = (512, b"LABELONE" + bytes(12) + (32).to_bytes(4, "little") + b"LVM2 001" + b"x" * 32)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (MBR, "partitions of an MBR"),
        (LVM, "an LVM physical volume"),
        ((0, b"LUKS\xba\xbe\0\2" + bytes(200)), "LUKS2 encryption"),
        ((4096, b"\xfc\x4e\x2b\xa9" + bytes(64)), "a member of a Linux RAID"),
        ((300000, b"precious"), "unknown data"),
        ((512, b"EFI PART" + bytes(84)), "wrong checksum|header of 0 bytes"),
    ],
)
async def test_foreign_disks_are_refused_by_name_and_nothing_is_lost(
    machine: LoopMachine, place: tuple[int, bytes], words: str
) -> None:
    write_at(machine.disks[1].image, *place)
    machine.attach()
    before = read_ends(machine.disks[1])
    found = await machine.reconcile(EPHEMERAL, user(), new("r", RawVolumeConfig(name="r", disk=SECOND)))
    for label in ("u-data", "r-r"):
        assert found[label].phase is VolumePhase.FAILED
        assert any(word in found[label].error for word in words.split("|")), found[label].error
        assert "left alone" in found[label].error or "nothing on it was changed" in found[label].error
    assert found["EPHEMERAL"].phase is VolumePhase.READY
    assert read_ends(machine.disks[1]) == before


async def test_partitions_of_others_stay_where_they_are(machine: LoopMachine) -> None:
    foreign = gpt.Partition(2, gpt.LINUX_FILESYSTEM, UUID(int=9), 409600, 819199, "theirs")
    machine.disks[1].write(1024 * MIB, foreign)
    write_at(machine.disks[1].image, 409600 * 512 + 70000, b"precious" * 1000)
    machine.attach()
    found = await machine.reconcile(EPHEMERAL, user())
    assert found["u-data"].phase is VolumePhase.READY
    table = gpt.parse(device_reader(machine.disks[1].loop), 512, 1024 * MIB)
    assert table is not None
    assert table.find("theirs") == foreign
    assert device_reader(machine.disks[1].image)(409600 * 512 + 70000, 8000) == b"precious" * 1000


async def test_a_read_only_disk_is_said_to_be_one(machine: LoopMachine) -> None:
    machine.disks[1].read_only = True
    machine.attach()
    found = await machine.reconcile(EPHEMERAL, user())
    assert found["u-data"].phase is VolumePhase.FAILED
    assert found["u-data"].error == f"{machine.disks[1].loop} is read-only, so u-data cannot be made on it"


async def test_a_disk_that_vanishes_is_said_to_be_gone(machine: LoopMachine) -> None:
    machine.attach()
    await machine.reconcile(EPHEMERAL)
    described = machine.disks[1].describe()
    machine.disks[1].detach()
    machine.disks[1].loop = described.path  # known to discovery until its uevent arrives
    found = await machine.reconcile(EPHEMERAL, user())
    machine.disks[1].loop = ""
    assert found["u-data"].phase is VolumePhase.FAILED
    assert described.path in found["u-data"].error
    assert found["EPHEMERAL"].phase is VolumePhase.READY


async def test_old_signatures_in_free_room_do_not_come_back(machine: LoopMachine) -> None:
    # A RAID once lived where the partition will end; its superblock must not be taken for the volume's content.
    empty = LoopDisk(machine.disks[1].image, serial="second")
    empty.write(1024 * MIB)
    machine.disks[1] = empty
    table = gpt.new_table(UUID(int=1), 512, 1024 * MIB // 512)
    last = (table.last_usable + 1) // 2048 * 2048
    write_at(empty.image, last * 512 - 65536, b"\xfc\x4e\x2b\xa9" + bytes(64))
    machine.attach()
    await machine.reconcile(EPHEMERAL, user())
    machine.detach()
    machine.restart()
    machine.attach()
    found = await machine.reconcile(EPHEMERAL, user())
    assert (found["u-data"].phase, found["u-data"].error) == (VolumePhase.READY, "")
