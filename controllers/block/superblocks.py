"""Which file system is on a device: magic number, label and uuid, read from a few fixed places.

Nothing is mounted and nothing is believed: every read is bounded, every text is cut and cleaned. Signatures that the
node does not use itself (LUKS, LVM, RAID, ...) are known by name, so that it can say what it refuses to overwrite.
Sources: kernel headers fs/ext4/ext4.h, fs/xfs/libxfs/xfs_format.h, fs/erofs/erofs_fs.h, include/linux/swap.h;
Microsoft's FAT specification; blkid(8) for the places of the others.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from uuid import UUID

from controllers.block.gpt import Read

HEAD = 72 * 1024
"""Bytes read from the start of a device; the farthest signature (btrfs) ends before."""

EXT_MAGIC = 0xEF53
EXT_HAS_JOURNAL = 0x4
EXT_ONLY_4 = 0x40 | 0x80 | 0x200  # extents, 64bit, flex_bg
EROFS_MAGIC = 0xE0F5E1E2

FOREIGN = (
    # name, offset, bytes
    ("LUKS", 0, b"LUKS\xba\xbe"),
    ("LVM", 536, b"LVM2 001"),
    ("LVM", 24, b"LVM2 001"),
    ("btrfs", 65600, b"_BHRfS_M"),
    ("ISO 9660", 32769, b"CD001"),
    ("squashfs", 0, b"hsqs"),
    ("NTFS", 3, b"NTFS    "),
    ("exFAT", 3, b"EXFAT   "),
    ("BitLocker", 3, b"-FVE-FS-"),
    ("Linux RAID", 4096, b"\xfc\x4e\x2b\xa9"),
    ("Linux RAID", 0, b"\xfc\x4e\x2b\xa9"),
    ("f2fs", 1024, b"\x10\x20\xf5\xf2"),
    ("bcachefs", 4120, b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca"),
)


@dataclass(frozen=True, slots=True)
class Superblock:
    """What was recognised. `size` is the file system's own, in bytes (ext only, else 0)."""

    filesystem: str
    label: str = ""
    uuid: str = ""
    size: int = 0


def probe(read: Read) -> Superblock | None:
    """Return what a device holds, or None when nothing is recognised. Raises `OSError` of `read`."""
    head = read(0, HEAD)
    for prober in (_ext, _xfs, _erofs, _swap, _foreign, _fat):
        found = prober(head)
        if found is not None:
            return found
    return None


def is_blank(read: Read, size: int) -> bool:
    """Return whether the first MiB and the last 64 KiB hold only zeros, so that nothing known can be there."""
    ends = ((0, min(size, 1024 * 1024)), (max(size - 65536, 0), min(size, 65536)))
    return not any(any(read(offset, length)) for offset, length in ends)


def _text(raw: bytes) -> str:
    """Return a label as text that is safe to show."""
    return clean(raw.partition(b"\0")[0].decode("utf-8", "replace").strip())


def clean(text: str) -> str:
    """Return a text from a disk without characters that could confuse a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _uuid(raw: bytes) -> str:
    return str(UUID(bytes=bytes(raw))) if any(raw) else ""


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
    if not head.startswith(b"XFSB") or len(head) < 120:
        return None
    return Superblock("xfs", _text(head[108:120]), _uuid(head[32:48]))


def _erofs(head: bytes) -> Superblock | None:
    if len(head) < 1152 or struct.unpack_from("<I", head, 1024) != (EROFS_MAGIC,):
        return None
    return Superblock("erofs", _text(head[1088:1104]), _uuid(head[1072:1088]))


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


def has_mbr_partitions(head: bytes) -> bool:
    """Return whether the first sector is a master boot record with partitions of its own."""
    if head[510:512] != b"\x55\xaa":
        return False
    return any(head[446 + 16 * index + 4] for index in range(4))
