"""The real disk behind the steps that write a slot: block devices, the partition table, and a mounted ESP.

A root partition is opened exclusively (O_EXCL on a block device, open(2)), which the kernel refuses for the one that dm-verity
holds: the slot that runs cannot be written, whatever anybody believes. Data is synced every 16 MiB, so that neither memory nor
the disk's queue fills up while etcd waits for the same disk.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from controllers.block import gpt
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.esp import EspPort, hash_stored
from controllers.lifecycle.layout import Slot
from controllers.lifecycle.slots import read_system_disk

SYNC_EVERY = 16 << 20


class SlotDisk:
    """Keeps `SlotPlace`. In: `path`, the disk; `esp`, its ESP, mounted."""

    def __init__(self, path: str, esp: EspPort) -> None:
        self._path = path
        self._esp = esp

    @property
    def esp(self) -> EspPort:
        """Keep `SlotPlace.esp`."""
        return self._esp

    def write_root(self, slot: Slot, chunks: Iterable[bytes]) -> None:
        """Keep `SlotPlace.write_root`."""
        write_device(read_system_disk(self._path).get_device(slot.root_label), chunks)

    def hash_root(self, slot: Slot, size: int) -> str:
        """Keep `SlotPlace.hash_root`."""
        device = read_system_disk(self._path).get_device(slot.root_label)
        fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return hash_stored(fd, size)
        finally:
            os.close(fd)

    def set_root_id(self, slot: Slot, uuid: UUID) -> None:
        """Keep `SlotPlace.set_root_id`. Nothing is written when it is so already."""
        disk = read_system_disk(self._path)
        partition = disk.get_partition(slot.root_label)
        if partition.uuid == uuid and disk.table.is_current:
            return
        if any(one.uuid == uuid and one.number != partition.number for one in disk.table.partitions):
            raise SlotError(f"another partition of {self._path} bears the id {uuid}", "this very version runs already")
        store_table(self._path, disk.table.with_partition(replace(partition, uuid=uuid)))


def store_table(path: str, table: gpt.Table) -> None:
    """Store both copies of a table whose partitions stay where they are; each write is synced. Raises `OSError`, `GptError`.

    The kernel need not be told: it holds no ids that anybody reads before the next boot.
    """
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        for offset, data in gpt.encode(table, os.pread(fd, 512, 0)):
            if os.pwrite(fd, data, offset) != len(data):
                raise OSError(errno.EIO, "the partition table was written only in part")
            os.fsync(fd)
    finally:
        os.close(fd)


def write_device(device: str, chunks: Iterable[bytes]) -> None:
    """Write a block device from its beginning, exclusively, and sync it. Raises `OSError`."""
    fd = os.open(device, os.O_WRONLY | os.O_EXCL | os.O_CLOEXEC)
    try:
        pending = 0
        for chunk in chunks:
            view = memoryview(chunk)
            while view:
                written = os.write(fd, view)
                if not written:
                    raise OSError(errno.ENOSPC, "No space left on device")
                view = view[written:]
            pending += len(chunk)
            if pending >= SYNC_EVERY:
                os.fdatasync(fd)
                pending = 0
        os.fsync(fd)
    finally:
        os.close(fd)
