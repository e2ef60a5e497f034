"""Block devices as sysfs shows them (Documentation/ABI/stable/sysfs-block). Reading only, nothing is opened.

Trap: a device may vanish between two reads, so a file that is not there is an empty text and never an error.
"""

from __future__ import annotations

import re
from pathlib import Path

from controllers.resources.block import BlockDevice
from controllers.runtime.text import make_printable

SECTOR = 512
"""Unit of `size` in sysfs, whatever the device's own sector size."""
LIMIT = 4096
KINDS = (
    (re.compile(r"mmcblk\d+(boot\d+|rpmb|gp\d+)"), "firmware"),
    (re.compile(r"(sd[a-z]+|vd[a-z]+|xvd[a-z]+|hd[a-z]+|nvme\d+n\d+|mmcblk\d+|pmem\d+)"), "disk"),
    (re.compile(r"loop\d+"), "loop"),
    (re.compile(r"dm-\d+"), "mapper"),
    (re.compile(r"md\d+"), "raid"),
    (re.compile(r"sr\d+"), "optical"),
    (re.compile(r"(z?ram|nbd|fd)\d+"), "memory"),
)
TRANSPORTS = (("/usb", "usb"), ("/nvme", "nvme"), ("/mmc", "mmc"), ("/virtio", "virtio"), ("/ata", "ata"), ("/host", "scsi"))


def read_text(path: Path) -> str:
    """Return the stripped text of a small file, or "" when it is missing or unreadable."""
    try:
        with path.open("rb") as file:
            raw = file.read(LIMIT)
    except OSError:
        return ""
    text = raw.decode("utf-8", "replace").strip().strip("\0")
    return make_printable(text)


def read_number(path: Path, default: int = 0) -> int:
    """Return the decimal number in a file, or `default`."""
    text = read_text(path)
    return int(text) if text.isdecimal() else default


def parse_uevent(text: str) -> dict[str, str]:
    """Return the KEY=value lines of a uevent file."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {key: value for key, separator, value in pairs if separator}


def kind_of(name: str) -> str:
    """Return what a whole device is by its kernel name."""
    return next((kind for pattern, kind in KINDS if pattern.fullmatch(name)), "other")


def list_devices(sys: Path, dev: Path) -> list[BlockDevice]:
    """Return every block device that has a size, by kernel name."""
    try:
        entries = sorted((sys / "class/block").iterdir())
    except OSError:
        return []
    found = [_describe(entry, dev) for entry in entries]
    return [one for one in found if one.size > 0]


def _describe(entry: Path, dev: Path) -> BlockDevice:
    number = read_number(entry / "partition")
    return BlockDevice(
        name=entry.name,
        path=str(dev / entry.name.replace("!", "/")),
        kind="partition" if number else kind_of(entry.name),
        size=read_number(entry / "size") * SECTOR,
        parent=entry.resolve().parent.name if number else "",
        partition_number=number,
        read_only=read_text(entry / "ro") == "1",
    )


def sector_size(sys: Path, name: str) -> int:
    """Return the logical sector size of a whole disk in bytes; 512 when sysfs does not say."""
    size = read_number(sys / "class/block" / name / "queue/logical_block_size", 512)
    return size if size in (512, 1024, 2048, 4096) else 512


def transport_of(device_path: str) -> str:
    """Return how a disk is attached, by the path of its device in sysfs."""
    return next((name for part, name in TRANSPORTS if part in device_path), "")
