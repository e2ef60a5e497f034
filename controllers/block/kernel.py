"""What the volume controller does to the machine: tables, partitions, file systems and mounts, behind one port.

Everything here blocks and runs in a thread, except the programs. The kernel learns of partitions by BLKPG, one at a time,
because re-reading the whole table is refused while the root partition is in use.
Sources: linux/blkpg.h, linux/fs.h, fs/ext4/ext4.h, mke2fs(8).
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import fcntl
import os
from pathlib import Path
from typing import Protocol

from controllers.block import gpt, superblocks, volume_plan
from controllers.block.discovery import device_reader
from controllers.machine import programs
from init.linux import mount as mounts

BLKPG = 0x1269  # linux/fs.h: _IO(0x12, 105)
BLKPG_ADD_PARTITION = 1  # linux/blkpg.h
BLKPG_RESIZE_PARTITION = 3
EXT4_IOC_RESIZE_FS = 0x40086610  # fs/ext4/ext4.h: _IOW('f', 16, __u64)
FORMAT_SECONDS = 120.0


class BlkpgPartition(ctypes.Structure):
    """struct blkpg_partition (linux/blkpg.h); start and length in bytes."""

    _fields_ = (
        ("start", ctypes.c_longlong),
        ("length", ctypes.c_longlong),
        ("pno", ctypes.c_int),
        ("devname", ctypes.c_char * 64),
        ("volname", ctypes.c_char * 64),
    )


class BlkpgArgument(ctypes.Structure):
    """struct blkpg_ioctl_arg (linux/blkpg.h)."""

    _fields_ = (("op", ctypes.c_int), ("flags", ctypes.c_int), ("datalen", ctypes.c_int), ("data", ctypes.c_void_p))


class DiskPort(Protocol):
    """What the volume controller needs of the machine. Raises `OSError`, `GptError`, `ProgramError`."""

    def inspect(self, path: str, size: int, sector_size: int, read_only: bool) -> volume_plan.DiskState:
        """Return what is on a disk right now. Blocks."""
        ...

    async def execute(self, step: volume_plan.Step) -> None:
        """Carry out one step."""
        ...

    def find_mount(self, target: str) -> str | None:
        """Return the source that is mounted at `target`, or None."""
        ...


def partition_path(disk: str, number: int) -> str:
    """Return the device of a partition: sda1, but nvme0n1p1."""
    return f"{disk}{'p' if disk[-1:].isdigit() else ''}{number}"


class KernelDisks:
    """The real thing. `bin` is where mke2fs is; `patience` stretches its time-out."""

    def __init__(self, bin_: Path = Path("/usr/bin"), patience: float = 1.0) -> None:
        self._mke2fs = str(bin_ / "mke2fs")
        self._patience = patience

    def inspect(self, path: str, size: int, sector_size: int, read_only: bool) -> volume_plan.DiskState:
        """Keep `DiskPort.inspect`."""
        read = device_reader(path)
        table = gpt.parse(read, sector_size, size)
        contents = {}
        for one in table.partitions if table else ():
            device = partition_path(path, one.number)
            if Path(device).exists():
                contents[one.number] = _content(device_reader(device), one.sectors * sector_size)
        return volume_plan.DiskState(
            path=path,
            size=size,
            sector_size=sector_size,
            read_only=read_only,
            table=table,
            content=_content(read, size) if table is None else volume_plan.Content(),
            mbr_partitions=table is None and superblocks.has_mbr_partitions(read(0, 512)),
            partitions=contents,
        )

    async def execute(self, step: volume_plan.Step) -> None:
        """Keep `DiskPort.execute`."""
        match step:
            case volume_plan.WriteTable():
                await asyncio.to_thread(write_table, step)
            case volume_plan.Format():
                await self._format(step)
            case volume_plan.Mount():
                await asyncio.to_thread(_mount, step)
            case volume_plan.GrowFilesystem():
                await asyncio.to_thread(_grow, step)

    def find_mount(self, target: str) -> str | None:
        """Keep `DiskPort.find_mount`."""
        return next((one.source for one in reversed(mounts.read_mounts()) if one.target == target), None)

    async def _format(self, step: volume_plan.Format) -> None:
        device = partition_path(step.disk, step.number)
        argv = [self._mke2fs, "-q", "-F", "-t", step.filesystem, "-m", "0", "-L", step.label]
        await programs.run([*argv, "-E", "lazy_itable_init=1,lazy_journal_init=1", device], FORMAT_SECONDS * self._patience)


def write_table(step: volume_plan.WriteTable) -> None:
    """Store both copies, flushing after each write, and then tell the kernel of the partition that changed.

    Raises `OSError`, `GptError`.
    """
    fd = os.open(step.disk, os.O_RDWR | os.O_CLOEXEC)
    try:
        for offset, data in gpt.encode(step.table, os.pread(fd, 512, 0)):
            if os.pwrite(fd, data, offset) != len(data):
                raise OSError(errno.EIO, f"{step.disk}: the partition table was written only in part")
            os.fsync(fd)
        if step.number:
            partition = next(one for one in step.table.partitions if one.number == step.number)
            _tell_kernel(fd, partition, step.table.sector_size)
    finally:
        os.close(fd)


def _tell_kernel(fd: int, partition: gpt.Partition, sector_size: int) -> None:
    """Add the partition; when the kernel has it already, resize it."""
    start, length = partition.first * sector_size, partition.sectors * sector_size
    try:
        _blkpg(fd, BLKPG_ADD_PARTITION, partition.number, start, length)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        _blkpg(fd, BLKPG_RESIZE_PARTITION, partition.number, start, length)


def _blkpg(fd: int, operation: int, number: int, start: int, length: int) -> None:
    data = BlkpgPartition(start=start, length=length, pno=number)
    argument = BlkpgArgument(op=operation, flags=0, datalen=ctypes.sizeof(data), data=ctypes.addressof(data))
    fcntl.ioctl(fd, BLKPG, bytes(argument))


def _mount(step: volume_plan.Mount) -> None:
    """Mount without set-uid programs and devices, and without programs where none belong."""
    flags = mounts.MS_NOSUID | mounts.MS_NODEV | mounts.MS_RELATIME
    if not step.executable:
        flags |= mounts.MS_NOEXEC
    mounts.mount(partition_path(step.disk, step.number), step.target, step.filesystem, flags)


def _grow(step: volume_plan.GrowFilesystem) -> None:
    """Grow a mounted ext4 (online resize); the kernel rounds down to whole blocks."""
    fd = os.open(step.target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:  # needs CAP_SYS_RESOURCE
        blocks = step.size // os.fstatvfs(fd).f_bsize
        fcntl.ioctl(fd, EXT4_IOC_RESIZE_FS, blocks.to_bytes(8, "little"))
    finally:
        os.close(fd)


def _content(read: gpt.Read, size: int) -> volume_plan.Content:
    found = superblocks.probe(read)
    return volume_plan.Content(found, blank=found is None and superblocks.is_blank(read, size))
