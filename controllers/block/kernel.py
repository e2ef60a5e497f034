"""What the volume controller does to the machine: tables, partitions, file systems and mounts, behind one port.

Everything here blocks and runs in a thread, except the programs. The kernel learns of partitions by BLKPG, one at a time,
because re-reading the whole table is refused while the root partition is in use.
Sources: linux/blkpg.h, linux/fs.h.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import fcntl
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from controllers.block import filesystems, gpt, superblocks, swap, sysfs
from controllers.block.discovery import device_reader
from controllers.block.disk_state import Content, DiskState
from controllers.block.volume_steps import (
    MIB,
    Clear,
    Format,
    GrowFilesystem,
    Mount,
    PlainStep,
    SwapOff,
    SwapOn,
    Unmount,
    WriteTable,
    partition_path,
)
from controllers.machine import programs
from init.linux import mount as mounts

__all__ = [
    "DiskPort",
    "InUse",
    "KernelDisks",
    "clear_ends",
    "device_size",
    "partition_path",
    "tell_kernel",
    "write_fully",
    "write_table",
]

BLKPG = 0x1269  # linux/fs.h: _IO(0x12, 105)
BLKPG_ADD_PARTITION = 1  # linux/blkpg.h
BLKPG_RESIZE_PARTITION = 3
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


@dataclass(frozen=True, slots=True)
class InUse:
    """A mount or swap space. `target` is "" for swap; `size` in bytes; `gone`: the device is not there any more."""

    source: str
    target: str = ""
    size: int = 0
    gone: bool = False
    read_only: bool = False


class DiskPort(Protocol):
    """What the volume controller needs of the machine. Raises `OSError`, `GptError`, `ProgramError`, `ValueError`."""

    def inspect(self, path: str, size: int, sector_size: int, read_only: bool) -> DiskState:
        """Return what is on a disk right now. Blocks."""
        ...

    async def execute(self, step: PlainStep) -> None:
        """Carry out one step."""
        ...

    def list_in_use(self, targets: Collection[str], below: str) -> list[InUse]:
        """Return what is mounted at `targets` and in the directory `below`, and what is swapped to.

        Of several mounts at one target it is the topmost.
        """
        ...


class KernelDisks:
    """The real thing. `bin_` is where mke2fs is; `patience` stretches its time-out."""

    def __init__(self, bin_: Path = Path("/usr/bin"), patience: float = 1.0, sys: Path = Path("/sys")) -> None:
        self._bin = bin_
        self._patience = patience
        self._sys = sys

    def inspect(self, path: str, size: int, sector_size: int, read_only: bool) -> DiskState:
        """Keep `DiskPort.inspect`."""
        read = device_reader(path)
        table = gpt.parse(read, sector_size, size)
        contents = {}
        for one in table.partitions if table else ():
            device = partition_path(path, one.number)
            if Path(device).exists():
                contents[one.number] = _content(device_reader(device), one.sectors * sector_size)
        return DiskState(
            path=path,
            size=size,
            sector_size=sector_size,
            read_only=read_only,
            table=table,
            content=_content(read, size) if table is None else Content(),
            mbr_partitions=table is None and superblocks.has_mbr_partitions(read(0, 512)),
            partitions=contents,
        )

    async def execute(self, step: PlainStep) -> None:
        """Keep `DiskPort.execute`."""
        if isinstance(step, Format) and step.filesystem != "swap":
            make = filesystems.FILESYSTEMS[step.filesystem].make
            assert make is not None
            program, *words = make(step.label)
            await programs.run([str(self._bin / program), *words, step.device], FORMAT_SECONDS * self._patience)
        else:
            await asyncio.to_thread(_execute, step)

    def list_in_use(self, targets: Collection[str], below: str) -> list[InUse]:
        """Keep `DiskPort.list_in_use`."""
        topmost = {one.target: one for one in mounts.read_mounts()}
        chosen = (one for target, one in topmost.items() if target in targets or target.rpartition("/")[0] == below)
        swaps = [InUse(source, size=device_size(source)) for source in swap.read_swaps()]
        return [*map(self._describe, chosen), *swaps]

    def _describe(self, one: mounts.Mount) -> InUse:
        """Return a mount with its device's size; major number 0 means that there is no device (tmpfs, overlay)."""
        device = self._sys / "dev/block" / one.device
        backed = not one.device.startswith("0:")
        return InUse(
            source=one.source,
            target=one.target,
            size=sysfs.read_number(device / "size") * sysfs.SECTOR if backed else 0,
            gone=backed and not device.exists(),
            read_only="ro" in one.options.split(","),
        )


def _execute(step: PlainStep) -> None:
    """Carry out a step that needs no program. Raises `OSError`, `GptError`, `ValueError`."""
    match step:
        case WriteTable():
            write_table(step)
        case Clear():
            clear_ends(step.device)
        case Format():
            _make_swap(step)
        case Mount():
            _mount(step)
        case GrowFilesystem():
            _grow(step)
        case SwapOn():
            swap.swap_on(step.device, step.priority)
        case SwapOff():
            swap.swap_off(step.device)
        case Unmount():
            mounts.umount(step.target, mounts.MNT_DETACH if step.lazily else 0)


def write_table(step: WriteTable) -> None:
    """Store both copies, flushing after each write, and then tell the kernel of the partition that changed.

    Raises `OSError`, `GptError`.
    """
    fd = os.open(step.disk, os.O_RDWR | os.O_CLOEXEC)
    try:
        for offset, data in gpt.encode(step.table, os.pread(fd, 512, 0)):
            write_fully(fd, data, offset, step.disk)
            os.fsync(fd)
        if step.number:
            partition = next(one for one in step.table.partitions if one.number == step.number)
            tell_kernel(fd, partition, step.table.sector_size)
    finally:
        os.close(fd)


def write_fully(fd: int, data: bytes, offset: int, what: str) -> None:
    """pwrite(2) all of it. Raises `OSError`, also when a dying disk takes only a part."""
    if os.pwrite(fd, data, offset) != len(data):
        raise OSError(errno.EIO, f"{what}: only a part was written; is the disk still there?")


def clear_ends(device: str) -> None:
    """Overwrite the first and the last MiB with zeros, which is where signatures are. Raises `OSError`."""
    size = device_size(device)
    if not size:
        raise OSError(errno.ENXIO, f"{device}: is not there or has no size")
    fd = os.open(device, os.O_WRONLY | os.O_CLOEXEC)
    try:
        for offset in (0, max(size - MIB, 0)):
            write_fully(fd, bytes(min(MIB, size)), offset, device)
        os.fsync(fd)
    finally:
        os.close(fd)


def device_size(device: str) -> int:
    """Return the size of a device or file in bytes, 0 when it cannot be opened."""
    try:
        fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return 0
    try:
        return os.lseek(fd, 0, os.SEEK_END)
    finally:
        os.close(fd)


def tell_kernel(fd: int, partition: gpt.Partition, sector_size: int) -> None:
    """Add the partition; when the kernel has it already, resize it. Raises `OSError`."""
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


def _make_swap(step: Format) -> None:
    header = swap.render_header(device_size(step.device), os.sysconf("SC_PAGE_SIZE"), step.label, uuid4())
    fd = os.open(step.device, os.O_WRONLY | os.O_CLOEXEC)
    try:
        write_fully(fd, header, 0, step.device)
        os.fsync(fd)
    finally:
        os.close(fd)


def _mount(step: Mount) -> None:
    """Mount without set-uid programs and devices, and without programs where none belong."""
    flags = mounts.MS_NOSUID | mounts.MS_NODEV | mounts.MS_RELATIME
    flags |= 0 if step.executable else mounts.MS_NOEXEC
    flags |= mounts.MS_RDONLY if step.read_only else 0
    kind = filesystems.FILESYSTEMS[step.filesystem]
    Path(step.target).mkdir(mode=0o755, parents=True, exist_ok=True)
    mounts.mount(step.device, step.target, kind.kernel_name, flags, kind.options)


def _grow(step: GrowFilesystem) -> None:
    """Grow a mounted file system unless it fills its device already, but for what its blocks and groups round down."""
    read, size = device_reader(step.device), device_size(step.device)
    found = superblocks.probe(read)
    if found is None or found.size >= size - MIB:
        return
    if step.filesystem == "xfs":
        filesystems.grow_xfs(step.target, size, read(0, 512))
    else:
        filesystems.grow_ext4(step.target, size)


def _content(read: gpt.Read, size: int) -> Content:
    found = superblocks.probe(read, size)
    return Content(found, blank=found is None and superblocks.is_blank(read, size))
