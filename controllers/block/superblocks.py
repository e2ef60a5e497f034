"""Which file system, container or table is on a device: magic number, label and uuid, read from a few fixed places.

Nothing is mounted and nothing is believed: every read is bounded, every text is cut and cleaned. What the node does not use
itself (LVM, RAID, ...) is known by name, so that it can say what it refuses to overwrite.
Sources: kernel headers fs/ext4/ext4.h, fs/xfs/libxfs/xfs_format.h, fs/erofs/erofs_fs.h, include/linux/swap.h,
uapi/linux/raid/md_p.h, bcache.h; Microsoft's FAT specification; LUKS2 on-disk format 1.1; ECMA-119; blkid(8) for places.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from controllers.block.gpt import Read
from controllers.runtime.text import make_printable

HEAD = 72 * 1024
"""Bytes read from the start of a device; all signatures but those of ZFS and old RAID end before."""
TAIL = 128 * 1024
MIB = 1024 * 1024

EXT_MAGIC = 0xEF53
EXT_HAS_JOURNAL = 0x4
EXT_ONLY_4 = 0x40 | 0x80 | 0x200  # extents, 64bit, flex_bg
EROFS_MAGIC = 0xE0F5E1E2
MD_MAGIC = b"\xfc\x4e\x2b\xa9"  # of version 1; version 0.90 has the byte order of the machine that made it
ZFS_UBERBLOCK = struct.pack("<Q", 0x00BAB10C)
ZFS_FROM, ZFS_TO = 128 * 1024, 256 * 1024  # the array of uberblocks in the first label

FOREIGN = (
    # name, offset, bytes
    ("ntfs", 3, b"NTFS    "),
    ("exfat", 3, b"EXFAT   "),
    ("bitlocker", 3, b"-FVE-FS-"),
    ("squashfs", 0, b"hsqs"),
    ("f2fs", 1024, b"\x10\x20\xf5\xf2"),
    ("bcache", 4120, b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca"),
    ("bcachefs", 4120, b"\xc6\x85\x73\xf6\x66\xce\x90\xa9"),
)
WORDS = {
    "luks1": "LUKS1 encryption",
    "luks2": "LUKS2 encryption",
    "lvm2": "an LVM physical volume",
    "raid": "a member of a Linux RAID",
    "zfs": "a member of a ZFS pool",
    "bcache": "a bcache device",
    "swap": "swap space",
    "gpt": "a partition table",
    "mbr": "partitions of an MBR",
    "iso9660": "an ISO 9660 image",
    "bitlocker": "BitLocker encryption",
}


@dataclass(frozen=True, slots=True)
class Superblock:
    """What was recognised. `size` is the file system's own, in bytes (ext and xfs only, else 0)."""

    filesystem: str
    label: str = ""
    uuid: str = ""
    size: int = 0


def probe(read: Read, size: int = 0) -> Superblock | None:
    """Return what a device of `size` bytes holds, or None when nothing is recognised. Raises `OSError` of `read`.

    Without a size the places at the end of a device are left out.
    """
    member = _raid_at_end(read, size)  # first: the member of a mirror begins with the file system of the whole
    if member is not None:
        return member
    head = read(0, HEAD)
    for prober in PROBERS:
        found = prober(head)
        if found is not None:
            return found
    return _zfs(read)


def describe(filesystem: str) -> str:
    """Return a kind in words: `a xfs file system`, `LUKS2 encryption`."""
    return WORDS.get(filesystem) or f"a {filesystem} file system"


def is_blank(read: Read, size: int) -> bool:
    """Return whether the first MiB and the last 128 KiB hold only zeros, so that nothing known can be there."""
    ends = ((0, min(size, MIB)), (max(size - TAIL, 0), min(size, TAIL)))
    return not any(any(read(offset, length)) for offset, length in ends)


def has_mbr_partitions(head: bytes) -> bool:
    """Return whether the first sector is a master boot record with partitions of its own."""
    if head[510:512] != b"\x55\xaa":
        return False
    return any(head[446 + 16 * index + 4] for index in range(4))


def _text(raw: bytes) -> str:
    """Return a label as text that is safe to show."""
    return make_printable(raw.partition(b"\0")[0].decode("utf-8", "replace").strip())


def _uuid(raw: bytes) -> str:
    return str(UUID(bytes=bytes(raw))) if len(raw) == 16 and any(raw) else ""


def _ext(head: bytes) -> Superblock | None:
    if len(head) < 2048 or struct.unpack_from("<H", head, 1080) != (EXT_MAGIC,):
        return None
    block = head[1024:2048]
    compat, incompat = struct.unpack_from("<II", block, 92)
    log_size = struct.unpack_from("<I", block, 24)[0]
    blocks = struct.unpack_from("<I", block, 4)[0]
    if incompat & 0x80:
        blocks |= struct.unpack_from("<I", block, 0x150)[0] << 32
    kind = "ext4" if incompat & EXT_ONLY_4 else "ext3" if compat & EXT_HAS_JOURNAL else "ext2"
    size = blocks << (10 + log_size) if log_size <= 6 else 0
    return Superblock(kind, _text(block[120:136]), _uuid(block[104:120]), size)


def _xfs(head: bytes) -> Superblock | None:
    if not head.startswith(b"XFSB") or len(head) < 128:
        return None
    block_size, blocks = struct.unpack_from(">IQ", head, 4)
    size = block_size * blocks if 512 <= block_size <= 65536 else 0
    return Superblock("xfs", _text(head[108:120]), _uuid(head[32:48]), size)


def _erofs(head: bytes) -> Superblock | None:
    if len(head) < 1152 or struct.unpack_from("<I", head, 1024) != (EROFS_MAGIC,):
        return None
    return Superblock("erofs", _text(head[1088:1104]), _uuid(head[1072:1088]))


def _luks(head: bytes) -> Superblock | None:
    if not head.startswith(b"LUKS\xba\xbe") or len(head) < 208:
        return None
    version = int.from_bytes(head[6:8])
    label = _text(head[24:72]) if version == 2 else ""
    return Superblock("luks1" if version == 1 else "luks2", label, _text(head[168:208]))


def _lvm(head: bytes) -> Superblock | None:
    """The label is in one of the first four sectors; the header that it points to begins with the volume's id."""
    for sector in range(0, 2048, 512):
        if head[sector : sector + 8] == b"LABELONE" and head[sector + 24 : sector + 32] == b"LVM2 001":
            at = sector + int.from_bytes(head[sector + 20 : sector + 24], "little")
            return Superblock("lvm2", "", _text(head[at : at + 32]))
    return None


def _raid(head: bytes) -> Superblock | None:
    for offset in (0, 4096):  # versions 1.1 and 1.2
        found = _raid_block(head[offset : offset + 256])
        if found is not None:
            return found
    return None


def _raid_block(block: bytes) -> Superblock | None:
    if not block.startswith(MD_MAGIC) or len(block) < 64:
        return None
    return Superblock("raid", _text(block[32:64]), _uuid(block[16:32]))


def _raid_at_end(read: Read, size: int) -> Superblock | None:
    """Version 1.0 lies 8 to 12 KiB before the end, version 0.90 in the last whole 64 KiB."""
    if size < 2 * TAIL:
        return None
    found = _raid_block(read((size // 512 - 16) // 8 * 8 * 512, 256))
    old = read(size // 65536 * 65536 - 65536, 4)
    return found or (Superblock("raid") if old in (MD_MAGIC, MD_MAGIC[::-1]) else None)


def _zfs(read: Read) -> Superblock | None:
    array = read(ZFS_FROM, ZFS_TO - ZFS_FROM)
    magics = {array[offset : offset + 8] for offset in range(0, len(array), 1024)}
    return Superblock("zfs") if magics & {ZFS_UBERBLOCK, ZFS_UBERBLOCK[::-1]} else None


def _btrfs(head: bytes) -> Superblock | None:
    if head[65600:65608] != b"_BHRfS_M":
        return None
    return Superblock("btrfs", _text(head[65835:66091]), _uuid(head[65568:65584]))


def _iso9660(head: bytes) -> Superblock | None:
    if head[32769:32774] != b"CD001":
        return None
    return Superblock("iso9660", _text(head[32808:32840]))


def _swap(head: bytes) -> Superblock | None:
    for page in (4096, 16384, 65536):
        if head[page - 10 : page] in (b"SWAPSPACE2", b"SWAP-SPACE"):
            return Superblock("swap", _text(head[1052:1068]), _uuid(head[1036:1052]))
    return None


def _foreign(head: bytes) -> Superblock | None:
    for name, offset, magic in FOREIGN:
        if head[offset : offset + len(magic)] == magic:
            return Superblock(name)
    return None


def _fat(head: bytes) -> Superblock | None:
    if head[510:512] != b"\x55\xaa":
        return None
    for magic, at, label, serial in ((b"FAT32   ", 82, 71, 67), (b"FAT16   ", 54, 43, 39), (b"FAT12   ", 54, 43, 39)):
        if head[at : at + 8] == magic:
            number = struct.unpack_from("<I", head, serial)[0]
            name = _text(head[label : label + 11])
            return Superblock("vfat", "" if name == "NO NAME" else name, f"{number >> 16:04X}-{number & 0xFFFF:04X}")
    return None


PROBERS: tuple[Callable[[bytes], Superblock | None], ...] = (
    _luks,
    _lvm,
    _raid,
    _ext,
    _xfs,
    _btrfs,
    _erofs,
    _swap,
    _iso9660,
    _foreign,
    _fat,
)
"""What wraps others comes first: a container may still show what was there before it."""
