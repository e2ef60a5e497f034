"""Root partitions and partition tables on a real block device; sgdisk as the judge."""

from pathlib import Path

import pytest

from controllers.lifecycle.bundle import Bundle
from controllers.lifecycle.bundle_spool import open_bundle
from controllers.lifecycle.entries import Entry
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.esp import DirectoryEsp
from controllers.lifecycle.esp_side import plan_write, read_boot_state
from controllers.lifecycle.layout import Slot
from controllers.lifecycle.slot_disk import SlotDisk
from controllers.lifecycle.slot_writer import SetRootId, WriteRoot, execute
from controllers.lifecycle.slots import read_system_disk, root_id
from tests.harness.loop_disks import attached, run
from tests.kernel.lifecycle.loop_disk import MIB, ROOT_A, fill_esp, write_image
from tests.unit.lifecycle.bundles import COMMAND_LINE, KEYS, Recipe, make_parts, root_hash

pytestmark = pytest.mark.kernel

A, B = Slot.A, Slot.B


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return open_bundle(Recipe().write(tmp_path / "bundle"), KEYS)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    write_image(tmp_path / "disk.img")
    return tmp_path / "disk.img"


@pytest.fixture
def esp(tmp_path: Path) -> DirectoryEsp:
    fill_esp(tmp_path / "esp")
    return DirectoryEsp(tmp_path / "esp")


def write(loop: str, esp: DirectoryEsp, bundle: Bundle) -> None:
    steps = plan_write(read_boot_state(esp), bundle.manifest, B, COMMAND_LINE, Entry(A, 0, "1.0"))
    execute(steps, SlotDisk(loop, esp), bundle)


def check_running_slot(image: Path) -> None:
    """Not one byte of the slot that runs has changed."""
    with image.open("rb") as file:
        file.seek(ROOT_A)
        root = make_parts("1.0")["root.erofs"]
        assert file.read(4 * MIB) == root.ljust(4 * MIB, b"\0")


def test_a_slot_is_written_and_only_that(image: Path, esp: DirectoryEsp, bundle: Bundle) -> None:
    with attached(image) as loop:
        write(loop, esp, bundle)
        disk = read_system_disk(loop)
        assert disk.find_running(root_hash("2.0")) is B
        assert disk.find_running(root_hash("1.0")) is A
        assert "No problems found" in run("sgdisk", "-v", loop)
        part = bundle.manifest.files["root.erofs"]
        assert SlotDisk(loop, esp).hash_root(B, part.size) == part.sha256
        assert esp.read(B.uki, 1 << 20) == make_parts()["ophite.efi"]
    check_running_slot(image)


def test_a_disk_with_sectors_of_4096_bytes_is_written_too(tmp_path: Path, esp: DirectoryEsp, bundle: Bundle) -> None:
    write_image(tmp_path / "big.img", sector=4096)
    with attached(tmp_path / "big.img", "--sector-size", "4096") as loop:
        write(loop, esp, bundle)
        assert read_system_disk(loop).table.sector_size == 4096
        assert read_system_disk(loop).find_running(root_hash("2.0")) is B
        assert "No problems found" in run("sgdisk", "-v", loop)
    check_running_slot(tmp_path / "big.img")


def test_an_id_that_is_right_already_is_not_written(image: Path, esp: DirectoryEsp) -> None:
    before = image.read_bytes()
    with attached(image) as loop:
        execute([SetRootId(A, root_id(root_hash("1.0")))], SlotDisk(loop, esp))
    assert image.read_bytes() == before


def test_a_disk_without_a_table_is_said(tmp_path: Path, esp: DirectoryEsp) -> None:
    (tmp_path / "empty.img").write_bytes(bytes(4 * MIB))
    with attached(tmp_path / "empty.img") as loop, pytest.raises(SlotError, match="has no partition table"):
        execute([SetRootId(B, root_id(root_hash()))], SlotDisk(loop, esp))


def test_an_id_that_another_slot_bears_is_refused(image: Path, esp: DirectoryEsp) -> None:
    with attached(image) as loop, pytest.raises(SlotError, match="another partition"):
        execute([SetRootId(B, root_id(root_hash("1.0")))], SlotDisk(loop, esp))


def test_a_disk_that_is_used_is_refused(image: Path, esp: DirectoryEsp, bundle: Bundle, tmp_path: Path) -> None:
    """What dm-verity or a mount holds cannot be opened exclusively; so the slot that runs is safe from every mistake."""
    (tmp_path / "held").mkdir()
    part = bundle.manifest.files["root.erofs"]
    with attached(image) as loop:
        run("mke2fs", "-q", "-F", f"{loop}p4")
        run("mount", f"{loop}p4", tmp_path / "held")
        try:
            with pytest.raises(SlotError, match="write ROOT-B: somebody uses it"):
                execute([WriteRoot(B, part.sha256, part.size)], SlotDisk(loop, esp), bundle)
        finally:
            run("umount", tmp_path / "held")


def test_a_read_only_disk_is_said(image: Path, esp: DirectoryEsp, bundle: Bundle) -> None:
    before = image.read_bytes()
    with attached(image, "--read-only") as loop, pytest.raises(SlotError, match="it is read-only"):
        write(loop, esp, bundle)
    assert image.read_bytes() == before


def test_a_disk_that_vanishes_while_it_is_written_is_said(tmp_path: Path, esp: DirectoryEsp, bundle: Bundle) -> None:
    """The image lies on a file system without room for the new root: from some block on writes fail, or do nothing (a loop
    device says nothing of a write that was done in part; reading back finds it).
    """
    room = tmp_path / "room"
    room.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", room)
    try:
        write_image(room / "disk.img")
        with (
            attached(room / "disk.img") as loop,
            pytest.raises(SlotError, match=r"the disk does not answer|what was read back is not"),
        ):
            write(loop, esp, bundle)
        check_running_slot(room / "disk.img")
    finally:
        run("umount", room)
    assert read_boot_state(esp).next_uefi is A


def test_a_full_esp_is_said_and_the_old_version_boots(tmp_path: Path, image: Path, bundle: Bundle) -> None:
    room = tmp_path / "room"
    room.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", room)
    try:
        fill_esp(room)
        esp = DirectoryEsp(room)
        (room / "ballast").write_bytes(bytes(esp.measure().free))
        with attached(image) as loop, pytest.raises(SlotError, match=r"write EFI/ophite/b\.efi: it is full") as caught:
            write(loop, esp, bundle)
        assert "remove from the ESP" in caught.value.hint
        assert read_boot_state(esp).next_uefi is read_boot_state(esp).next_bios is A
    finally:
        run("umount", room)
    check_running_slot(image)


def test_a_root_that_is_bigger_than_its_slot_is_noticed(image: Path, esp: DirectoryEsp, tmp_path: Path) -> None:
    big = open_bundle(Recipe(parts=make_parts() | {"root.erofs": b"x" * (5 * MIB)}).write(tmp_path / "big"), KEYS)
    with attached(image) as loop, pytest.raises(SlotError, match="write ROOT-B: it is full"):
        write(loop, esp, big)
    check_running_slot(image)
