"""The slots of the system disk: where they are, which one runs, what each holds, and whether a bundle fits.

The slot that runs is the root partition whose GPT unique id is the first 128 bits of the root hash on the kernel command line;
nothing else is believed. A slot holds a version when its boot files name a root hash and its root partition bears the id of it.
Trap: two partitions with the id of the running root would make that a guess, so it is an error.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from controllers.block import gpt
from controllers.block.discovery import device_reader
from controllers.block.volume_steps import partition_path
from controllers.lifecycle.bundle import ROOT, Manifest
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.esp import Room
from controllers.lifecycle.layout import Slot
from init.linux import disks

BLKSSZGET = 0x1268  # linux/fs.h: logical sector size, int
ESP_TYPE = UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
SPARE = 1 << 20
"""Bytes of a FAT file system that stay free: directories, entries, the environment block."""


@dataclass(frozen=True, slots=True)
class SystemDisk:
    """A disk with two slots, as its partition table says it."""

    path: str
    table: gpt.Table

    def get_partition(self, label: str) -> gpt.Partition:
        """Return a partition by its name. Raises `SlotError`."""
        found = self.table.find(label)
        if found is None:
            raise SlotError(
                f"{self.path} has no partition {label}", "was the disk installed by Ophite? See `ophite get discoveredvolumes`"
            )
        return found

    def get_device(self, label: str) -> str:
        """Return the device of a partition by its name. Raises `SlotError`."""
        return partition_path(self.path, self.get_partition(label).number)

    @property
    def esp_device(self) -> str:
        """The device of the ESP. Raises `SlotError`."""
        found = next((one for one in self.table.partitions if one.type == ESP_TYPE), None)
        return partition_path(self.path, found.number) if found else self.get_device("ESP")

    def get_room(self, slot: Slot) -> int:
        """Return the bytes of a slot's root partition. Raises `SlotError`."""
        return self.get_partition(slot.root_label).sectors * self.table.sector_size

    def find_running(self, root_hash: str) -> Slot | None:
        """Return the slot with this root, or None. Raises `SlotError` when both bear its id."""
        wanted = root_id(root_hash)
        found = [slot for slot in Slot if (one := self.table.find(slot.root_label)) is not None and one.uuid == wanted]
        if len(found) > 1:
            raise SlotError(f"both slots of {self.path} bear the id of the running root", "install the node again")
        return found[0] if found else None


def root_id(root_hash: str) -> UUID:
    """Return the GPT unique id of a root partition: the first 128 bits of its root hash (Discoverable Partitions
    Specification). Raises `SlotError` for what is no hash.
    """
    try:
        return UUID(hex=root_hash[:32])
    except ValueError:
        raise SlotError(f"{root_hash!r} is no root hash", "see ophite.verity on the kernel command line") from None


def find_system_disk(uuid: UUID, sys_block: Path, dev: Path) -> str:
    """Return the path of the disk with the root partition of this id. Raises `SlotError`.

    Of several (somebody plugged in a copy of the disk) it is the one whose partition is held, which dm-verity does.
    """
    found: dict[str, bool] = {}
    for name in disks.list_disks(str(sys_block)):
        try:
            sector = int((sys_block / name / "queue/logical_block_size").read_text())
            numbers = [one.number for one in disks.read_gpt(str(dev / name), sector) if one.guid == str(uuid)]
        except (OSError, ValueError, struct.error):
            continue
        for number in numbers:
            found[str(dev / name)] = _is_held(sys_block / partition_path(name, number))
    held = [path for path, is_held in found.items() if is_held] or list(found)
    if len(held) == 1:
        return held[0]
    if held:
        raise SlotError(f"{' and '.join(held)} both hold the root that runs", "take away the copy of the disk")
    raise SlotError(f"no disk has the partition {uuid} that the root runs from", "check the disk and its cable")


def _is_held(partition: Path) -> bool:
    try:
        return any((partition / "holders").iterdir())
    except OSError:
        return False


def read_system_disk(path: str) -> SystemDisk:
    """Read the partition table of a disk. Raises `SlotError`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.lseek(fd, 0, os.SEEK_END)
            sector = struct.unpack("i", fcntl.ioctl(fd, BLKSSZGET, bytes(4)))[0]
        finally:
            os.close(fd)
        table = gpt.parse(device_reader(path), sector, size)
    except (OSError, gpt.GptError) as error:
        raise SlotError(f"{path}: the partition table cannot be read: {error}", "see `ophite get disks`") from error
    if table is None:
        raise SlotError(f"{path} has no partition table", "see `ophite get disks`")
    return SystemDisk(path, table)


def check_slot(disk: SystemDisk, slot: Slot, root_hash: str, named_by: str) -> str:
    """Return why a slot cannot be booted, or "". In: the root hash that its boot files name, and the file that should."""
    if not root_hash:
        return f"it is empty: {named_by} is missing or names no root"
    partition = disk.table.find(slot.root_label)
    if partition is None or partition.uuid != root_id(root_hash):
        return f"{slot.root_label} does not bear the id of the root that {named_by} names"
    return ""


def check_room(manifest: Manifest, disk: SystemDisk, slot: Slot) -> None:
    """Raise `SlotError` when the root image of a bundle does not fit into a slot."""
    need, room = manifest.files[ROOT].size, disk.get_room(slot)
    if need > room:
        raise SlotError(
            f"the root image has {need >> 20} MiB, and slot {slot.value} of {disk.path} has {room >> 20} MiB",
            "install the node again on a disk with bigger slots",
        )


def check_file_room(new: Iterable[int], old: Iterable[int], room: Room, place: str) -> None:
    """Raise `SlotError` when files of these sizes do not fit where the old ones go before the new ones come. In: `place`, for
    people.
    """
    available = room.free + sum(room.take(size) for size in old)
    wanted = sum(room.take(size) for size in new) + SPARE
    if wanted > available:
        raise SlotError(
            f"the boot files need {wanted >> 20} MiB, and {place} has room for {available >> 20} MiB",
            "remove from there what is not Ophite's, or install the node again",
        )
