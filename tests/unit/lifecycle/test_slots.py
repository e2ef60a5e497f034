from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from controllers.block import gpt
from controllers.lifecycle.boot_side import Session
from controllers.lifecycle.bundle import open_parts
from controllers.lifecycle.entries import Entry
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.esp_side import EspSide, boot_parts, read_boot_state, read_slot_uki
from controllers.lifecycle.layout import Slot
from controllers.lifecycle.slots import SystemDisk, check_room, check_slot, find_system_disk, read_system_disk, root_id
from image.formats.verity import partition_id
from tests.unit.lifecycle.bundles import KEYS, Recipe, root_hash
from tests.unit.lifecycle.fake_disk import FakeDisk
from tests.unit.lifecycle.ukis import make_uki

A, B = Slot.A, Slot.B
ESP = UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")


def make_disk(path: str = "/dev/vda", *, a: str = root_hash("1.0"), slot_sectors: int = 2048) -> SystemDisk:
    table = gpt.new_table(UUID(int=1), 512, 100_000)
    rows = [("ESP", ESP, UUID(int=2), 2048), ("ROOT-A", UUID(int=9), root_id(a), slot_sectors)]
    rows += [("ROOT-B", UUID(int=9), UUID(int=4), slot_sectors)]
    first = 2048
    for number, (label, kind, uuid, sectors) in enumerate(rows, start=2):
        table = table.with_partition(gpt.Partition(number, kind, uuid, first, first + sectors - 1, label))
        first += sectors
    return SystemDisk(path, table)


def test_the_running_slot_is_the_one_that_bears_the_id_of_the_root() -> None:
    disk = make_disk()
    assert disk.find_running(root_hash("1.0")) is A
    assert disk.find_running(root_hash("2.0")) is None


def test_the_build_gives_partitions_the_same_id() -> None:
    assert str(root_id(root_hash())) == partition_id(root_hash())


def test_two_slots_with_the_same_id_are_no_guess() -> None:
    disk = make_disk()
    [second] = [one for one in disk.table.partitions if one.label == "ROOT-B"]
    both = SystemDisk("/dev/vda", disk.table.with_partition(replace(second, uuid=root_id(root_hash("1.0")))))
    with pytest.raises(SlotError, match="both slots"):
        both.find_running(root_hash("1.0"))


@pytest.mark.parametrize("text", ["", "xyz", "ab"])
def test_what_is_no_hash_is_said(text: str) -> None:
    with pytest.raises(SlotError, match="no root hash"):
        root_id(text)


@pytest.mark.parametrize(("path", "expected"), [("/dev/vda", "/dev/vda4"), ("/dev/nvme0n1", "/dev/nvme0n1p4")])
def test_partitions_have_devices(path: str, expected: str) -> None:
    disk = make_disk(path)
    assert disk.get_device("ROOT-B") == expected
    assert disk.esp_device == expected[:-1] + "2"
    assert disk.get_room(B) == 2048 * 512


def test_a_disk_without_slots_is_said() -> None:
    disk = SystemDisk("/dev/sdx", gpt.new_table(UUID(int=1), 512, 100_000))
    assert disk.find_running(root_hash()) is None
    for label in ("ROOT-A", "ESP"):
        with pytest.raises(SlotError, match=f"/dev/sdx has no partition {label}"):
            _ = disk.esp_device if label == "ESP" else disk.get_device(label)


def test_a_disk_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(SlotError, match="cannot be read"):
        read_system_disk(str(tmp_path / "gone"))


def write_disk(root: Path, name: str, uuid: UUID, *, held: bool = False, size: int = 100_000) -> None:
    """What sysfs and /dev show of a disk with a root partition."""
    table = gpt.new_table(UUID(int=1), 512, size)
    table = table.with_partition(gpt.Partition(3, UUID(int=9), uuid, 2048, 4095, "ROOT-A"))
    sysfs = root / "sys" / name
    (sysfs / "queue").mkdir(parents=True)
    (sysfs / "size").write_text(f"{size}\n")
    (sysfs / "queue/logical_block_size").write_text("512\n")
    (root / "sys" / f"{name}3" / "holders").mkdir(parents=True)
    (root / "sys" / f"{name}3" / "partition").write_text("3\n")
    if held:
        (root / "sys" / f"{name}3" / "holders/dm-0").mkdir()
    (root / "dev").mkdir(exist_ok=True)
    with (root / "dev" / name).open("wb") as file:
        for offset, data in gpt.encode(table):
            file.seek(offset)
            file.write(data)


def test_the_system_disk_is_found_by_the_id_of_the_root(tmp_path: Path) -> None:
    write_disk(tmp_path, "sda", UUID(int=7))
    write_disk(tmp_path, "sdb", UUID(int=8))
    assert find_system_disk(UUID(int=8), tmp_path / "sys", tmp_path / "dev") == str(tmp_path / "dev/sdb")
    with pytest.raises(SlotError, match="no disk has the partition"):
        find_system_disk(UUID(int=6), tmp_path / "sys", tmp_path / "dev")


def test_of_two_copies_it_is_the_one_that_is_held(tmp_path: Path) -> None:
    for name in ("sda", "sdb", "sdc"):
        write_disk(tmp_path, name, UUID(int=7), held=name == "sdb")
    assert find_system_disk(UUID(int=7), tmp_path / "sys", tmp_path / "dev").endswith("/sdb")
    (tmp_path / "sys/sdb3/holders/dm-0").rmdir()
    with pytest.raises(SlotError, match="both hold the root that runs"):
        find_system_disk(UUID(int=7), tmp_path / "sys", tmp_path / "dev")


def test_a_disk_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    write_disk(tmp_path, "sda", UUID(int=7))
    write_disk(tmp_path, "sdb", UUID(int=7))
    (tmp_path / "dev/sda").write_bytes(b"")
    (tmp_path / "sys/sr0").mkdir()
    (tmp_path / "sys/sr0/size").write_text("4")
    assert find_system_disk(UUID(int=7), tmp_path / "sys", tmp_path / "dev").endswith("/sdb")


def test_only_our_entries_are_read() -> None:
    esp = FakeDisk(
        files={
            "loader/entries/ophite-a.conf": Entry(A, 3, "1.0").render().encode(),
            "loader/entries/ophite-b+1.conf": b"\xff" * 100_000,
            "loader/entries/windows.conf": b"title x\nefi /x.efi\n",
            "loader/entries/.ophite-a.conf.swp": b"x",
            "grub/grubenv": b"damaged",
        }
    )
    state = read_boot_state(esp)
    assert sorted(state.files) == ["ophite-a.conf", "ophite-b+1.conf"]
    assert [one.slot for one in state.entries] == [A]
    assert state.environment == {}
    del esp.files["grub/grubenv"]
    assert read_boot_state(esp).environment is None


def test_what_a_slot_holds_is_read_from_its_kernel() -> None:
    esp = FakeDisk(files={A.uki: make_uki(f"ophite.verity={root_hash('1.0')}:ab:1", "VERSION_ID=1.0\n")})
    found = read_slot_uki(esp, A)
    assert found.version == "1.0"
    assert check_slot(make_disk(), A, found.root_hash, "x") == ""
    assert "bear the id of the root that x names" in check_slot(make_disk(a=root_hash("2.0")), A, found.root_hash, "x")
    assert check_slot(make_disk(), B, read_slot_uki(esp, B).root_hash, "x") == "it is empty: x is missing or names no root"


def test_a_kernel_with_nonsense_for_a_hash_is_no_version() -> None:
    esp = FakeDisk(files={B.uki: make_uki("ophite.verity=zz:b:1", "VERSION_ID=1\n")})
    assert "it is empty" in EspSide(uefi=True).look(session(esp), B).error


def session(esp: FakeDisk) -> Session:
    return Session(make_disk(), A, esp)


def test_room_is_measured_before_anything_is_written(tmp_path: Path) -> None:
    manifest = open_parts(Recipe().unpack(tmp_path), KEYS).manifest
    check_room(manifest, make_disk(), B)
    with pytest.raises(SlotError, match="slot b of /dev/vda has 0 MiB"):
        check_room(manifest, make_disk(slot_sectors=100), B)
    EspSide(uefi=True).check_room(session(FakeDisk(free=2 << 20)), B, manifest)
    with pytest.raises(SlotError, match="the ESP of /dev/vda has room for 1 MiB"):
        EspSide(uefi=True).check_room(session(FakeDisk(free=1 << 20)), B, manifest)


def test_the_slots_own_files_count_as_room(tmp_path: Path) -> None:
    manifest = open_parts(Recipe().unpack(tmp_path), KEYS).manifest
    full = FakeDisk(free=1 << 20, files={B.uki: bytes(100_000)})
    EspSide(uefi=True).check_room(session(full), B, manifest)
    with pytest.raises(SlotError, match="the ESP"):
        EspSide(uefi=True).check_room(session(full), A, manifest)


def test_only_a_bundle_with_grub_brings_files_for_it(tmp_path: Path) -> None:
    assert list(boot_parts(open_parts(Recipe(arch="arm64").unpack(tmp_path), KEYS).manifest)) == ["ophite.efi"]
