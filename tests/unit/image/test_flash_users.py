"""Who uses a disk is found whatever lies between the user and the disk."""

from pathlib import Path

import pytest

from image.flash_users import Host, User, find_family, find_users, list_partitions
from tests.harness.fake_disks import FakeDisks


@pytest.fixture
def disks(tmp_path: Path) -> FakeDisks:
    """A stick with two partitions."""
    made = FakeDisks(tmp_path)
    made.disk("sdb")
    made.part("sdb", 1)
    made.part("sdb", 2)
    return made


def lines(disks: FakeDisks) -> list[str]:
    return [user.describe() for user in find_users(disks.host, "sdb")]


def test_nobody(disks: FakeDisks) -> None:
    assert find_users(disks.host, "sdb") == ()


def test_others_are_nobody_here(disks: FakeDisks) -> None:
    disks.disk("sda", "pci0/ata1")
    disks.part("sda", 1)
    disks.mount("sda1", "/")
    disks.swap("sda1")
    assert find_users(disks.host, "sdb") == ()


def test_a_mounted_partition(disks: FakeDisks) -> None:
    disks.mount("sdb2", "/media/card")
    assert lines(disks) == ["sdb2 is mounted at /media/card (umount /media/card)"]


@pytest.mark.parametrize("target", ["/", "/boot", "/boot/firmware", "/usr"])
def test_the_running_system_comes_first_and_has_no_way_out(disks: FakeDisks, target: str) -> None:
    disks.mount("sdb1", "/media/card")
    disks.mount("sdb2", target)
    assert find_users(disks.host, "sdb")[0] == User("sdb2", f"is mounted at {target}: the running system", "", system=True)
    assert len(lines(disks)) == 2


def test_names_of_places_cannot_confuse_a_terminal(disks: FakeDisks) -> None:
    disks.mount("sdb1", "/mnt/\x1b[2J")
    assert lines(disks) == ["sdb1 is mounted at /mnt/?[2J (umount /mnt/?[2J)"]


def test_the_whole_disk_mounted(disks: FakeDisks) -> None:
    disks.mount("sdb", "/mnt")
    assert lines(disks) == ["sdb is mounted at /mnt (umount /mnt)"]


def test_swap(disks: FakeDisks) -> None:
    disks.swap("sdb2")
    assert lines(disks) == ["sdb2 is swap space of the running system (swapoff /dev/sdb2)"]


def test_a_volume_group_is_followed_to_its_mounts(disks: FakeDisks) -> None:
    disks.hold("sdb1", "dm-0", dm__name="my--group-root", dm__uuid="LVM-abc")
    disks.mount("dm-0", "/")
    assert lines(disks) == [
        "dm-0 is mounted at /: the running system",
        "sdb1 is in use by the logical volume my--group-root (vgchange --activate n my-group)",
    ]


def test_swap_on_a_volume_in_an_encrypted_partition(disks: FakeDisks) -> None:
    disks.hold("sdb2", "dm-0", dm__name="secret", dm__uuid="CRYPT-LUKS2-abc")
    disks.hold("dm-0", "dm-1", dm__name="vg-swap", dm__uuid="LVM-abc")
    disks.swap("dm-1")
    assert find_family(disks.host, "sdb") == ("sdb", "sdb1", "sdb2", "dm-0", "dm-1")
    assert lines(disks) == [
        "dm-1 is swap space of the running system (swapoff /dev/dm-1)",
        "sdb2 is in use by the encrypted volume secret (cryptsetup close secret)",
        "dm-0 is in use by the logical volume vg-swap (vgchange --activate n vg)",
    ]


def test_a_raid_and_its_partitions(disks: FakeDisks) -> None:
    disks.hold("sdb1", "md0")
    disks.part("md0", 1, name="md0p1")
    disks.mount("md0p1", "/srv")
    assert lines(disks) == [
        "md0p1 is mounted at /srv (umount /srv)",
        "sdb1 is in use by the RAID md0 (mdadm --stop /dev/md0)",
    ]


def test_an_unknown_holder_without_a_name(disks: FakeDisks) -> None:
    disks.hold("sdb1", "bcache0")
    assert lines(disks) == ["sdb1 is in use by the device bcache0"]


def test_a_loop_device_on_a_partition(disks: FakeDisks) -> None:
    disks.disk("loop3", "virtual", loop__backing_file=f"{disks.host.dev}/sdb1")
    disks.mount("loop3", "/mnt")
    assert lines(disks) == [
        "loop3 is mounted at /mnt (umount /mnt)",
        "sdb1 is behind the loop device loop3 (losetup --detach /dev/loop3)",
    ]


def test_btrfs_has_numbers_of_its_own(disks: FakeDisks) -> None:
    disks.mount("sdb1", "/mnt", number="0:44")
    assert lines(disks) == ["sdb1 is mounted at /mnt (umount /mnt)"]


def test_the_second_disk_of_a_btrfs_is_in_no_table_of_mounts(disks: FakeDisks) -> None:
    devices = disks.host.sys / "fs/btrfs/0123/devices"
    for name in ("sda1", "sdb2"):
        (devices / name).mkdir(parents=True)
    disks.mount("sda1", "/srv", number="0:44")
    assert lines(disks) == ["sdb2 is mounted at /srv (umount /srv)"]


def test_partitions_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    disks = FakeDisks(tmp_path)
    disks.disk("mmcblk0")
    for number in (10, 2, 1):
        disks.part("mmcblk0", number, name=f"mmcblk0p{number}")
    assert list_partitions(disks.host, "mmcblk0") == ["mmcblk0p1", "mmcblk0p2", "mmcblk0p10"]


def test_a_disk_that_has_just_gone_is_nobodys(disks: FakeDisks) -> None:
    assert find_users(disks.host, "sdz") == ()


def test_the_real_machine_can_be_asked() -> None:
    assert find_users(Host(), "no-such-disk") == ()
