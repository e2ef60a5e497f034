"""What an installation writes to the disk itself: zeros, the mark, the partition table, boot code.

Everything blocks and is called in a thread. Every write is synced before the next one begins, because the order is what makes
a power cut harmless. The disk is opened exclusively (O_EXCL), so that one that anybody mounted or mapped is refused.
Sources: linux/fs.h, linux/blkpg.h, open(2) (O_EXCL on block devices), posix_fadvise(2).
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from controllers.block import gpt
from controllers.block.kernel import tell_kernel
from controllers.install import mark
from controllers.install.bootcode import SECTOR, patch_boot_record, patch_core

BLKRRPART = 0x125F  # linux/fs.h: _IO(0x12, 95)
CHUNK = 1 << 20
RESCAN_SECONDS = 5.0

Say = Callable[[float], None]
"""Told how much of a step is done, 0 to 1."""


class InUse(OSError):
    """Somebody has mounted or mapped the disk or a part of it."""


@contextmanager
def claim(disk: str) -> Iterator[int]:
    """Open a disk for writing, for nobody else to mount or map meanwhile. Raises `InUse`, `OSError`."""
    try:
        fd = os.open(disk, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise InUse(errno.EBUSY, f"{disk} is in use: a part of it is mounted, or belongs to LVM, RAID or LUKS") from error
        raise OSError(error.errno, f"{disk}: {error.strerror}") from error
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def open_disk(disk: str) -> Iterator[int]:
    """Open a disk for writing."""
    fd = os.open(disk, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes, offset: int, what: str) -> None:
    """pwrite(2) until everything is written. Raises `OSError` that names `what`."""
    view = memoryview(data)
    while view:
        try:
            count = os.pwrite(fd, view, offset)
        except OSError as error:
            raise OSError(error.errno, f"{what}, byte {offset}: {error.strerror}") from error
        if count == 0:
            raise OSError(errno.ENOSPC, f"{what}: it ends at byte {offset}")
        view, offset = view[count:], offset + count


def clear(disk: str, ranges: tuple[tuple[int, int], ...], say: Say) -> None:
    """Fill (offset, length) ranges with zeros, in order, each synced. Raises `OSError`."""
    zeros = bytes(CHUNK)
    with claim(disk) as fd:
        for number, (offset, length) in enumerate(ranges, start=1):
            for at in range(offset, offset + length, CHUNK):
                write_all(fd, zeros[: min(CHUNK, offset + length - at)], at, disk)
            os.fsync(fd)
            say(number / len(ranges))


def write_mark(disk: str, data: bytes) -> None:
    """Store the one sector of the mark; nobody may use the disk when it is set. Raises `OSError`."""
    with claim(disk) if any(data) else open_disk(disk) as fd:
        write_all(fd, data, mark.OFFSET, disk)
        os.fsync(fd)


def write_table(disk: str, table: gpt.Table) -> None:
    """Store both copies and have the kernel know these partitions and no others. Raises `OSError`, `GptError`."""
    with claim(disk) as fd:
        for offset, data in gpt.encode(table):
            write_all(fd, data, offset, disk)
            os.fsync(fd)
        _announce(fd, table)


def announce(disk: str, table: gpt.Table) -> None:
    """Have the kernel know the partitions of a table that is on the disk. Raises `OSError`."""
    with claim(disk) as fd:
        _announce(fd, table)


def _announce(fd: int, table: gpt.Table) -> None:
    """Let the kernel read the table; one that cannot (no GPT in it, a loop device without partitions) is told one by one.

    Who only looks at a partition for a moment makes the first busy, so it is tried for `RESCAN_SECONDS`.
    """
    end = time.monotonic() + RESCAN_SECONDS
    while True:
        try:
            fcntl.ioctl(fd, BLKRRPART)
            break
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > end:
                break
        time.sleep(0.05)
    for one in table.partitions:
        tell_kernel(fd, one, table.sector_size)


def write_boot_code(disk: str, boot_image: bytes, core_image: bytes, offset: int, room: int) -> None:
    """Store GRUB for a BIOS: the core image in its partition, and then the boot record. Raises `OSError`, `BootCodeError`."""
    core = patch_core(core_image, offset // SECTOR, room)
    with open_disk(disk) as fd:
        record = patch_boot_record(os.pread(fd, SECTOR, 0), boot_image, offset // SECTOR)
        write_all(fd, core, offset, disk)
        os.fsync(fd)
        write_all(fd, record, 0, disk)
        os.fsync(fd)


def zero_device(device: str, size: int) -> None:
    """Fill a small partition with zeros. Raises `OSError`."""
    with claim(device) as fd:
        write_all(fd, bytes(size), 0, device)
        os.fsync(fd)
