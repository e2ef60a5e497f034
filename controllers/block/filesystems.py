"""File systems: how each is made, mounted and grown, as one table.

Growing works on a mounted file system and without a program: ext4 and xfs have an ioctl each.
Sources: fs/ext4/ext4.h, fs/xfs/libxfs/xfs_fs.h, mke2fs(8), mkfs.xfs(8).
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass

EXT4_IOC_RESIZE_FS = 0x40086610  # _IOW('f', 16, __u64)
XFS_IOC_FSGROWFSDATA = 0x4010586E  # _IOW('X', 110, struct xfs_growfs_data)
XFS_GROWFS_DATA = struct.Struct("=QIxxxx")  # new blocks, percent of inodes
XFS_SUPERBLOCK = struct.Struct(">4sI")  # magic, block size
XFS_IMAX_PERCENT_AT = 127


@dataclass(frozen=True, slots=True)
class Filesystem:
    """What the node knows of one: the kernel's name for it, its module, the program that makes it, options of mount(2)."""

    kernel_name: str
    module: str
    make: Callable[[str], list[str]] | None = None
    options: str = ""


def _mke2fs(label: str) -> list[str]:
    return ["mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-L", label, "-E", "lazy_itable_init=1,lazy_journal_init=1"]


def _mkfs_xfs(label: str) -> list[str]:
    return ["mkfs.xfs", "-q", "-f", "-L", label]


FILESYSTEMS = {
    "ext4": Filesystem("ext4", "ext4", _mke2fs),
    "ext3": Filesystem("ext4", "ext4"),
    "ext2": Filesystem("ext4", "ext4"),
    "xfs": Filesystem("xfs", "xfs", _mkfs_xfs),
    "vfat": Filesystem("vfat", "vfat", options="umask=0022"),
}


def grow_ext4(target: str, size: int) -> None:
    """Grow a mounted ext4 to `size` bytes, rounded down to whole blocks. Raises `OSError`; needs CAP_SYS_RESOURCE."""
    fd = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        blocks = size // os.fstatvfs(fd).f_bsize
        fcntl.ioctl(fd, EXT4_IOC_RESIZE_FS, blocks.to_bytes(8, "little"))
    finally:
        os.close(fd)


def grow_xfs(target: str, size: int, superblock: bytes) -> None:
    """Grow a mounted xfs to `size` bytes. In: `superblock`, its first 512 bytes. Raises `OSError`, `ValueError`."""
    magic, block_size = XFS_SUPERBLOCK.unpack_from(superblock)
    if magic != b"XFSB" or not 512 <= block_size <= 65536:
        raise ValueError(f"{target}: the superblock of xfs makes no sense")
    argument = XFS_GROWFS_DATA.pack(size // block_size, superblock[XFS_IMAX_PERCENT_AT])
    fd = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, XFS_IOC_FSGROWFSDATA, argument)
    finally:
        os.close(fd)
