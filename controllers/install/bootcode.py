"""Starting a disk on a BIOS: GRUB's first sector into the boot record, its core image into the BIOS boot partition.

Three places in what `grub-mkimage` and the package hold have to name the partition's first sector; they are set here
whatever the build wrote there. A BIOS reads sectors of 512 bytes only, so a disk of larger ones gets no boot code and
starts by UEFI alone.
Sources: GRUB 2.12, include/grub/i386/pc/boot.h (offsets of boot.img) and grub-core/boot/i386/pc/diskboot.S (the block list
ends the first sector); the classic boot record: code in 440 bytes, then the disk's signature and four partitions.
"""

from __future__ import annotations

import struct

SECTOR = 512
CODE_SIZE = 440
"""Bytes of code in a boot record; what follows belongs to the partition table."""
KERNEL_SECTOR = 0x5C
"""GRUB_BOOT_MACHINE_KERNEL_SECTOR: u64, the sector that boot.img loads."""
DRIVE_CHECK = 0x66
"""GRUB_BOOT_MACHINE_DRIVE_CHECK: a jump that NOPs replace, so that the BIOS's drive number is believed only when sane."""
NOP_NOP = b"\x90\x90"
BLOCK_LIST = SECTOR - 12
"""In core.img's first sector: u64 start of what follows it, u16 sectors, u16 segment."""


class BootCodeError(Exception):
    """GRUB's files are not what they should be, or do not fit; the text says which."""


def patch_boot_record(old: bytes, boot_image: bytes, core_sector: int) -> bytes:
    """Return the disk's first sector with GRUB's code in it; the partitions in it stay as they are.

    In: `old`, the 512 bytes there now; `boot_image`, GRUB's boot.img (its code, or the whole sector); `core_sector`, where
    core.img is. Raises `BootCodeError`.
    """
    if len(boot_image) not in (CODE_SIZE, SECTOR):
        raise BootCodeError(
            f"boot.img has {len(boot_image)} bytes instead of {CODE_SIZE}, or {SECTOR} with its empty partitions"
        )
    code = bytearray(boot_image[:CODE_SIZE])
    struct.pack_into("<Q", code, KERNEL_SECTOR, core_sector)
    code[DRIVE_CHECK : DRIVE_CHECK + 2] = NOP_NOP
    return bytes(code) + old[CODE_SIZE:SECTOR].ljust(SECTOR - CODE_SIZE, b"\0")


def patch_core(core_image: bytes, core_sector: int, room: int) -> bytes:
    """Return core.img for a partition that begins at `core_sector` and has `room` bytes. Raises `BootCodeError`."""
    if not SECTOR < len(core_image) <= room:
        raise BootCodeError(f"core.img has {len(core_image)} bytes, and the BIOS partition has {room}")
    core = bytearray(core_image)
    struct.pack_into("<Q", core, BLOCK_LIST, core_sector + 1)
    return bytes(core)
