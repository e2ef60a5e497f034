"""Partitions by their GPT unique id, read from the disks themselves, so that neither udev nor a new kernel is needed.

Trap: GUIDs are mixed-endian on disk (UEFI specification 5.3.3 and appendix A), and a table from outside is hostile: sizes are
bounded before anything is read.
"""

import os
import struct
from typing import NamedTuple

SYS_BLOCK = "/sys/class/block"
_HEADER = struct.Struct("<8s4sI I 4x Q Q Q Q 16s Q II")  # UEFI specification, table 5.5
_ENTRY = struct.Struct("<16s16sQQQ72s")  # table 5.6
MAX_ENTRIES = 256


class Partition(NamedTuple):
    """One used entry of a GPT; `number` counts from 1, LBAs are in logical sectors and inclusive."""

    number: int
    type_guid: str
    guid: str
    name: str
    first: int
    last: int


def render_guid(raw: bytes) -> str:
    """The text form, in small letters, of 16 bytes as they are on disk."""
    first, second, third = struct.unpack("<IHH", raw[:8])
    return f"{first:08x}-{second:04x}-{third:04x}-{raw[8:10].hex()}-{raw[10:].hex()}"


def parse_gpt(header: bytes, entries: bytes) -> list[Partition]:
    """The used entries of a partition table whose header has been accepted by `entries_at`."""
    step = _HEADER.unpack_from(header)[11]
    found = []
    for number in range(1, len(entries) // step + 1):
        kind, guid, first, last, _, name = _ENTRY.unpack_from(entries, (number - 1) * step)
        if any(kind):
            label = "".join(map(chr, struct.unpack("<36H", name))).partition("\0")[0]  # no UTF-16 codec in the initramfs
            found.append(Partition(number, render_guid(kind), render_guid(guid), label, first, last))
    return found


def entries_at(header: bytes) -> tuple[int, int] | None:
    """(LBA, bytes) of the entries that a GPT header names; None when it is no header or not a sane one."""
    fields = _HEADER.unpack_from(header)
    count, step = fields[10], fields[11]
    if fields[0] != b"EFI PART" or step < _ENTRY.size or step > 4096 or not 0 < count <= MAX_ENTRIES:
        return None
    return fields[9], count * step


def read_gpt(device: str, sector: int = 512) -> list[Partition]:
    """The partitions in the primary GPT of a disk or image; empty where there is none. OSError when it cannot be read."""
    with open(device, "rb", buffering=0) as disk:
        disk.seek(sector)
        header = disk.read(sector)
        place = entries_at(header) if len(header) == sector else None
        if place is None:
            return []
        disk.seek(place[0] * sector)
        return parse_gpt(header, disk.read(place[1]))


def find_partition(
    guid: str, sys_block: str = SYS_BLOCK, dev: str = "/dev", *, beside: str = ""
) -> tuple[str | None, list[str]]:
    """The node of the partition with this unique id, or None, and a line per disk that was looked at.

    With `beside`, a type GUID, the node of the partition of that type on the same disk instead.
    """
    tried = []
    for name in list_disks(sys_block):
        try:
            partitions = read_gpt(f"{dev}/{name}", _number(f"{sys_block}/{name}/queue/logical_block_size") or 512)
        except OSError as error:
            tried.append(f"{name}: {error.strerror}")
            continue
        tried.append(f"{name}: {len(partitions)} GPT partitions, none with this id")
        if not any(partition.guid == guid.lower() for partition in partitions):
            continue
        for partition in partitions:
            node = _partition_node(f"{sys_block}/{name}", partition.number)
            if node and (partition.type_guid == beside.lower() if beside else partition.guid == guid.lower()):
                return f"{dev}/{node}", tried
    return None, tried or ["no disk has appeared"]


def find_medium(label: str, sys_block: str = SYS_BLOCK, dev: str = "/dev") -> tuple[str | None, list[str]]:
    """The node of the disk with an ISO 9660 volume of this label, or None, and a line per disk that was looked at."""
    tried: list[str] = []
    for name in list_disks(sys_block):
        try:
            found = read_label(f"{dev}/{name}")
        except OSError as error:
            found = f"({error.strerror})"
        if found == label:
            return f"{dev}/{name}", tried
        tried.append(f"{name}: " + (f"volume {found}" if found else "no ISO 9660"))
    return None, tried or ["no disk has appeared"]


def read_label(device: str) -> str:
    """The label of an ISO 9660 volume (ECMA-119, 8.4: primary volume descriptor in sector 16); "" where there is none."""
    with open(device, "rb", buffering=0) as file:
        file.seek(16 * 2048)
        descriptor = file.read(2048)
    return descriptor[40:72].decode("ascii", "replace").rstrip() if descriptor.startswith(b"\1CD001\1") else ""


def list_disks(sys_block: str = SYS_BLOCK) -> list[str]:
    """The names of the block devices that are whole, hold anything, and are not made of others or of memory."""
    return [
        name
        for name in sorted(os.listdir(sys_block))
        if not os.path.exists(f"{sys_block}/{name}/partition")
        and not name.startswith(("ram", "dm-", "zram"))
        and _number(f"{sys_block}/{name}/size")
    ]


def device_size(device: str) -> int:
    """Bytes of a block device or file."""
    with open(device, "rb", buffering=0) as file:
        return file.seek(0, os.SEEK_END)


def _partition_node(disk: str, number: int) -> str | None:
    return next((child for child in os.listdir(disk) if _number(f"{disk}/{child}/partition") == number), None)


def _number(path: str) -> int:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read(32))
    except (OSError, ValueError):
        return 0
