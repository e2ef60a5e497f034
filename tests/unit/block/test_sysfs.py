"""Block devices from a made-up sysfs."""

from pathlib import Path

import pytest

from controllers.block import sysfs
from controllers.block.devices import DevicesController
from controllers.ports import Paths, Ports
from tests.harness.reconcile import run_reconcile


def make_device(root: Path, name: str, *, sectors: int, bus: str = "pci/virtio1", partition: int = 0, parent: str = "") -> Path:
    home = root / "sys/devices" / bus / "block" / parent / name
    home.mkdir(parents=True)
    (home / "size").write_text(f"{sectors}\n")
    (home / "ro").write_text("0\n")
    if partition:
        (home / "partition").write_text(f"{partition}\n")
    link = root / "sys/class/block" / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(home)
    return home


def test_disks_and_partitions(tmp_path: Path) -> None:
    make_device(tmp_path, "vda", sectors=2048)
    make_device(tmp_path, "vda2", sectors=1024, partition=2, parent="vda")
    make_device(tmp_path, "ram0", sectors=64)
    make_device(tmp_path, "loop7", sectors=0)
    found = {one.id: one.spec for one in run_reconcile(DevicesController(Ports(paths=Paths(tmp_path))))}
    assert set(found) == {"vda", "vda2"}
    disk, partition = sysfs.list_devices(tmp_path / "sys", tmp_path / "dev")[1:]
    assert (disk.kind, disk.size, disk.parent) == ("disk", 1024 * 1024, "")
    assert (partition.kind, partition.parent, partition.partition_number) == ("partition", "vda", 2)
    assert partition.path == str(tmp_path / "dev/vda2")


def test_in_namespaces_the_hosts_disks_are_not_shown(tmp_path: Path) -> None:
    make_device(tmp_path, "vda", sectors=2048)
    ports = Ports(paths=Paths(tmp_path), cmdline={"ophite.platform": "namespaces"})
    assert run_reconcile(DevicesController(ports)) == []


def test_no_sysfs_is_no_device(tmp_path: Path) -> None:
    assert sysfs.list_devices(tmp_path, tmp_path) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sda", "disk"),
        ("nvme0n1", "disk"),
        ("mmcblk0", "disk"),
        ("mmcblk0boot0", "firmware"),
        ("mmcblk0rpmb", "firmware"),
        ("dm-0", "mapper"),
        ("loop3", "loop"),
        ("sr0", "optical"),
        ("md127", "raid"),
        ("zram0", "memory"),
        ("strange", "other"),
    ],
)
def test_kinds(name: str, kind: str) -> None:
    assert sysfs.kind_of(name) == kind


def test_attributes_are_bounded_and_clean(tmp_path: Path) -> None:
    file = tmp_path / "model"
    file.write_bytes(b"QEMU \x1b[2J\xff" + b"x" * 100000)
    text = sysfs.read_text(file)
    assert len(text) <= 4096
    assert "\x1b" not in text
    assert sysfs.read_text(tmp_path / "none") == ""
    assert sysfs.read_number(file, 7) == 7


def test_sector_size_is_believed_only_when_it_is_possible(tmp_path: Path) -> None:
    queue = tmp_path / "class/block/vda/queue"
    queue.mkdir(parents=True)
    for said, used in (("4096", 4096), ("512", 512), ("7", 512), ("rubbish", 512)):
        (queue / "logical_block_size").write_text(said)
        assert sysfs.sector_size(tmp_path, "vda") == used


def test_uevent_files() -> None:
    assert sysfs.parse_uevent("MAJOR=254\nPARTNAME=ROOT-A\nrubbish\n") == {"MAJOR": "254", "PARTNAME": "ROOT-A"}
