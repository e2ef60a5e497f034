"""The slots of the system disk: where they are, which one runs, what each holds, and whether a bundle fits.

The slot that runs is the root partition whose GPT unique id is the first 128 bits of the root hash on the kernel command line;
nothing else is believed. A slot holds a version when its UKI names a root hash and its root partition bears the id of it.
Trap: two partitions with the id of the running root would make that a guess, so it is an error.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from controllers.block import gpt
from controllers.block.discovery import device_reader
from controllers.block.volume_steps import partition_path
from controllers.lifecycle import grubenv
from controllers.lifecycle.bundle import BIOS, ROOT, Manifest
from controllers.lifecycle.entries import TEXT_LIMIT, BootState, parse_name
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.esp import EspPort
from controllers.lifecycle.layout import ENTRIES, GRUBENV, Slot
from controllers.lifecycle.uki import Uki, read_uki
from init.linux import disks

BLKSSZGET = 0x1268  # linux/fs.h: logical sector size, int
ESP_TYPE = UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
MAX_FILES = 64
"""Entries that are read; a directory with more is not ours."""
SPARE = 1 << 20
"""Bytes of the ESP that stay free: directories, entries, the environment block."""


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


def read_boot_state(esp: EspPort) -> BootState:
    """Return what the boot loaders will read. Raises `OSError`."""
    names = [name for name in esp.list_names(ENTRIES) if parse_name(name) is not None][:MAX_FILES]
    files = {name: esp.read(f"{ENTRIES}/{name}", TEXT_LIMIT + 1).decode("utf-8", "replace") for name in names}
    environment: Mapping[str, str] | None = None
    if esp.find_size(GRUBENV) is not None:
        environment = grubenv.parse(esp.read(GRUBENV, grubenv.SIZE + 1)) or {}
    return BootState(files, environment)


def read_slot_uki(esp: EspPort, slot: Slot) -> Uki:
    """Return what the slot's UKI says; nothing when it is not there. Raises `OSError`."""
    if esp.find_size(slot.uki) is None:
        return Uki()
    return read_uki(lambda offset, length: esp.read(slot.uki, length, offset))


def check_slot(disk: SystemDisk, slot: Slot, uki: Uki) -> str:
    """Return why a slot cannot be booted, or ""."""
    if not uki.root_hash:
        return f"it is empty: {slot.uki} on the ESP is missing or names no root"
    partition = disk.table.find(slot.root_label)
    if partition is None or partition.uuid != root_id(uki.root_hash):
        return f"{slot.root_label} does not bear the id of the root that {slot.uki} names"
    return ""


def check_room(manifest: Manifest, disk: SystemDisk, slot: Slot, esp: EspPort) -> None:
    """Raise `SlotError` when a bundle does not fit into a slot. The slot's own boot files go before new ones come."""
    need, room = manifest.files[ROOT].size, disk.get_room(slot)
    if need > room:
        raise SlotError(
            f"the root image has {need >> 20} MiB, and slot {slot.value} of {disk.path} has {room >> 20} MiB",
            "install the node again on a disk with bigger slots",
        )
    free = esp.measure()
    sizes = [esp.find_size(path) or 0 for path in slot.boot_files]
    available = free.free + sum(free.take(size) for size in sizes)
    wanted = sum(free.take(manifest.files[name].size) for name in boot_parts(manifest)) + SPARE
    if wanted > available:
        raise SlotError(
            f"the boot files need {wanted >> 20} MiB, and the ESP of {disk.path} has room for {available >> 20} MiB",
            "remove from the ESP what is not Ophite's, or install the node again",
        )


def boot_parts(manifest: Manifest) -> dict[str, str]:
    """Return the parts that go to the ESP, with the property of the slot that says where: `uki`, or a file for GRUB."""
    bios = {"vmlinuz": "vmlinuz", "initramfs.zst": "initramfs.zst"} if all(name in manifest.files for name in BIOS) else {}
    return {"ophite.efi": "uki", **bios}
