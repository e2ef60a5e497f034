"""Swap space: the header that makes it, swapon(2), swapoff(2) and /proc/swaps.

The header is one page (union swap_header, linux/swap.h): it says how many pages there are, and ends with a magic text.
Trap: pages are those of the running kernel; a disk that moves to a machine with other pages has to be made anew.
"""

from __future__ import annotations

import struct
from pathlib import Path
from uuid import UUID

from init.linux.syscalls import call

MAGIC = b"SWAPSPACE2"
INFO = struct.Struct("=III16s16s")  # version, last page, bad pages, uuid, label
INFO_AT = 1024
LABEL_LIMIT = 16
LEAST_PAGES = 10  # mkswap(8)
SWAP_FLAG_PREFER = 0x8000  # linux/swap.h
SWAP_PRIO_MASK = 0x7FFF


def render_header(size: int, page: int, label: str, uuid: UUID) -> bytes:
    """Return the first page of swap space of `size` bytes with pages of `page` bytes. Raises `ValueError` when too small."""
    pages = size // page
    if pages < LEAST_PAGES:
        raise ValueError(f"{size} bytes are too small for swap space: {LEAST_PAGES} pages of {page} bytes are needed")
    header = bytearray(page)
    last = min(pages, 0xFFFFFFFF) - 1
    INFO.pack_into(header, INFO_AT, 1, last, 0, uuid.bytes, label.encode()[:LABEL_LIMIT])
    header[page - len(MAGIC) :] = MAGIC
    return bytes(header)


def parse_swaps(text: str) -> list[str]:
    """Return the devices in a text of /proc/swaps (proc_swaps(5))."""
    lines = text.splitlines()[1:]
    return [line.split()[0].replace("\\040", " ") for line in lines if line.strip()]


def read_swaps(path: Path = Path("/proc/swaps")) -> list[str]:
    """Return the devices that are swapped to; none where the kernel cannot swap."""
    try:
        return parse_swaps(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return []


def swap_on(device: str, priority: int = -1) -> None:
    """swapon(2). In: `priority` 0 to 32767, or -1 for the kernel's choice. Raises `OSError`."""
    flags = SWAP_FLAG_PREFER | priority & SWAP_PRIO_MASK if priority >= 0 else 0
    call("swapon", device.encode(), flags, what=device)


def swap_off(device: str) -> None:
    """swapoff(2). Raises `OSError`, ENOMEM when there is no room in memory for what was swapped out."""
    call("swapoff", device.encode(), what=device)
