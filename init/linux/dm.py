"""Device-mapper devices through /dev/mapper/control, dm-verity above all (Documentation/admin-guide/device-mapper/verity.rst).

Model: create a name, load a table, resume; loading another table and resuming again swaps it without a gap.
Trap: a verity device finds damage only when a block is read. So sizes are compared first, the first and last block are read
while a bad one still is an error and not a panic, and only then is the table reloaded with `panic_on_corruption`.
"""

import fcntl
import os
import struct
from contextlib import suppress
from typing import NamedTuple

from init.linux.disks import device_size

CONTROL = "/dev/mapper/control"
# linux/dm-ioctl.h
DM_LIST_DEVICES = 0xC138FD02
DM_DEV_CREATE = 0xC138FD03
DM_DEV_REMOVE = 0xC138FD04
DM_DEV_SUSPEND = 0xC138FD06
DM_TABLE_LOAD = 0xC138FD09
DM_READONLY_FLAG = 1
_IOCTL = struct.Struct("=3I I II i III Q 128s 129s 7x")  # struct dm_ioctl
_TARGET = struct.Struct("=QQiI16s")  # struct dm_target_spec
BLOCK = 4096  # bytes of a data or hash block
SECTOR = 512
PANIC = "panic_on_corruption"


class VerityError(OSError):
    """A device does not hold the wanted root hash; the text says what differs."""


class Verity(NamedTuple):
    """What the kernel command line says of the root image: hash and salt in hex, number of data blocks of 4096 bytes."""

    root_hash: str
    salt: str
    blocks: int

    @property
    def partition_guid(self) -> str:
        """The partition that carries it: the first 128 bits of the root hash (Discoverable Partitions Specification)."""
        digits = self.root_hash[:32]
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def hash_blocks(self) -> int:
        """Blocks of the hash tree that follows the data."""
        total, level = 0, self.blocks
        while level > 1:
            level = -(-level // (BLOCK // 32))  # bytes of a SHA-256 digest
            total += level
        return total or 1

    def size(self) -> int:
        """Bytes that data and tree take together."""
        return (self.blocks + self.hash_blocks()) * BLOCK

    def table(self, device: str, *options: str) -> str:
        """The parameters of the kernel's verity target: format 1, one device for data and the tree behind it."""
        fields = ["1", device, device, str(BLOCK), str(BLOCK), str(self.blocks), str(self.blocks), "sha256"]
        fields += [self.root_hash, self.salt or "-"] + ([str(len(options)), *options] if options else [])
        return " ".join(fields)


def create(name: str) -> str:
    """Make an empty device and return its node, /dev/dm-N."""
    device = _IOCTL.unpack_from(_request(DM_DEV_CREATE, name))[10]
    return f"/dev/dm-{os.minor(device)}"


def load_verity(name: str, device: str, verity: Verity, *options: str) -> None:
    """Give `name` the verity table over `device` and put it to use."""
    parameters = verity.table(device, *options).encode() + b"\0"
    parameters += bytes(-len(parameters) % 8)
    target = _TARGET.pack(0, verity.blocks * (BLOCK // SECTOR), 0, 0, b"verity")
    _request(DM_TABLE_LOAD, name, target + parameters)
    _request(DM_DEV_SUSPEND, name)  # without DM_SUSPEND_FLAG it resumes


def open_verity(name: str, device: str, verity: Verity) -> str:
    """The verified device over `device`; VerityError names the expected hash and what does not match it."""
    expected = f"{device} must have root hash {verity.root_hash}"
    size = device_size(device)
    if size < verity.size():
        raise VerityError(f"{expected}, but it is truncated: {size} of {verity.size()} bytes")
    node = create(name)
    load_verity(name, device, verity)
    for block in sorted({0, verity.blocks - 1}):
        try:
            read_block(node, block)
        except OSError as error:
            remove(name)
            raise VerityError(f"{expected}, but data block {block} does not match its hash ({error.strerror})") from error
    load_verity(name, device, verity, PANIC)
    return node


def read_block(device: str, block: int) -> bytes:
    """One block of a device; OSError when dm-verity finds it damaged."""
    with open(device, "rb", buffering=0) as file:
        file.seek(block * BLOCK)
        return file.read(BLOCK)


def list_names() -> list[str]:
    """The names of all devices."""
    buffer = _request(DM_LIST_DEVICES, "", bytes(65536))
    start, names = _IOCTL.unpack_from(buffer)[4], []
    while True:  # struct dm_name_list: device, offset of the next, name
        number, following = struct.unpack_from("=QI", buffer, start)
        if number:
            names.append(bytes(buffer[start + 12 :]).partition(b"\0")[0].decode("utf-8", "replace"))
        if not following:
            return names
        start += following


def remove_all(prefix: str) -> None:
    """Take away every device whose name begins so and that is not in use; a kernel without device-mapper has none."""
    with suppress(OSError):
        for name in list_names():
            if name.startswith(prefix):
                with suppress(OSError):
                    remove(name)


def remove(name: str) -> None:
    """Take the device away; EBUSY while it is mounted."""
    _request(DM_DEV_REMOVE, name)


def _request(code: int, name: str, payload: bytes = b"") -> bytearray:
    size = max(_IOCTL.size + len(payload), 512)
    flags = DM_READONLY_FLAG if code == DM_TABLE_LOAD else 0
    head = _IOCTL.pack(4, 0, 0, size, _IOCTL.size, 1 if payload else 0, 0, flags, 0, 0, 0, name.encode(), b"")
    buffer = bytearray((head + payload).ljust(size, b"\0"))
    control = os.open(CONTROL, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(control, code, buffer)
    except OSError as error:
        raise OSError(error.errno, f"device-mapper {name}, ioctl {code:#x}: {error.strerror}") from error
    finally:
        os.close(control)
    return buffer
