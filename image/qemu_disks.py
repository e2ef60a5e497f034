"""The disks of a virtual machine: what they are, and QEMU's options for them.

A disk is a raw file in the machine's directory, on one of the buses that real machines have. QEMU keeps the guest's writes
in this host's page cache and skips flushes: a kill of QEMU loses nothing that the guest was told is written, and nothing of
what it was not told about either. What a power cut loses besides, the cache inside the disk, is simulated from a log of all
writes and flushes (`writes`; QEMU's blklogwrites writes it in the format of the kernel's dm-log-writes).
Trap: IDE disks have sectors of 512 bytes and cannot be read-only; virtio disks have no world wide name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from image.errors import ImageError

SECTORS = (512, 4096)
NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,30}")
SERIAL = re.compile(r"[A-Za-z0-9_.-]{0,20}")  # the shortest limit of the buses
LAST_WWN = (1 << 64) - 1


@dataclass(frozen=True)
class Disk:
    """One disk; the file is `NAME.img` and is made empty when it is missing. `size` in MiB, `sector` in bytes.

    `wwn` 0: none. `boot`: the firmware's order, -1 = never asked. `writes`: log every write and flush to `NAME.writes`.
    """

    name: str
    size: int
    bus: str = "virtio"
    sector: int = 512
    read_only: bool = False
    serial: str = ""
    wwn: int = 0
    boot: int = -1
    writes: bool = False

    @property
    def file(self) -> str:
        """The file's name in the machine's directory."""
        return f"{self.name}.img"

    @property
    def log(self) -> str:
        """The name of the log of its writes."""
        return f"{self.name}.writes"


def parse_disk(name: str, text: str) -> Disk:
    """A disk from `MIB[,bus=B][,sector=N][,serial=S][,wwn=0xN][,ro]`; raises `ImageError`."""
    size, *words = text.split(",")
    options = dict(word.partition("=")[::2] for word in words)
    unknown = options.keys() - {"bus", "sector", "serial", "wwn", "ro"}
    try:
        if unknown:
            raise ValueError(f"unknown {', '.join(sorted(unknown))}")
        disk = Disk(
            name=name,
            size=int(size),
            bus=options.get("bus", "virtio"),
            sector=int(options.get("sector", "512")),
            read_only="ro" in options,
            serial=options.get("serial", ""),
            wwn=int(options.get("wwn", "0"), 0),
        )
    except ValueError as error:
        raise ImageError(f"disk {text!r}: {error}", "such as 2048,bus=nvme,sector=4096,serial=one") from error
    check_disk(disk)
    return disk


def check_disk(disk: Disk) -> None:
    """Raise `ImageError` for a disk that QEMU cannot make."""
    problems = (
        (disk.bus not in BUSES, f"no bus {disk.bus!r}", f"one of: {', '.join(BUSES)}"),
        (not NAME.fullmatch(disk.name), f"name {disk.name!r} is not valid", "lower-case letters, digits, '.' and '-'"),
        (disk.size < 1, f"{disk.size} MiB", "at least 1"),
        (disk.sector not in SECTORS, f"sectors of {disk.sector} bytes", "512 or 4096"),
        (not SERIAL.fullmatch(disk.serial), f"serial {disk.serial!r} is not valid", "at most 20 letters, digits, '_.-'"),
        (not 0 <= disk.wwn <= LAST_WWN, f"world wide name {disk.wwn:#x} is not valid", "a number of 64 bits"),
        (disk.bus in ("ahci", "usb") and disk.sector != 512, f"{disk.bus} has sectors of 512 bytes", "scsi, nvme or virtio"),
        (disk.bus == "ahci" and disk.read_only, "a disk at ahci cannot be read-only", "scsi, usb, nvme or virtio"),
        (disk.bus not in ("ahci", "scsi") and disk.wwn, f"{disk.bus} has no world wide name", "ahci or scsi"),
    )
    for wrong, message, hint in problems:
        if wrong:
            raise ImageError(f"disk {disk.name}: {message}", hint)


def plan_backend(disk: Disk) -> list[str]:
    """The options of the disk's file."""
    words = [f"if=none,id={disk.name}", "discard=unmap"]
    if disk.writes:
        words += [
            "driver=blklogwrites,cache=writeback",
            f"file.driver=file,file.filename={disk.file},file.cache.no-flush=on",
            f"log.driver=file,log.filename={disk.log},log.cache.no-flush=on",
        ]
    else:
        words += ["format=raw", f"file={disk.file}", "cache=unsafe"]
    if disk.read_only:
        words.append("readonly=on")
    return ["-drive", ",".join(words)]


def plan_properties(disk: Disk, driver: str, *, sector: bool = True, serial: str = "") -> str:
    """The device's own words."""
    words = [driver, f"drive={disk.name}"]
    if sector and disk.sector != 512:
        words.append(f"logical_block_size={disk.sector},physical_block_size={disk.sector}")
    if disk.serial or serial:
        words.append(f"serial={disk.serial or serial}")
    if disk.wwn:
        words.append(f"wwn={disk.wwn:#x}")
    if disk.boot >= 0:
        words.append(f"bootindex={disk.boot}")
    return ",".join(words)


BUSES: dict[str, Callable[[Disk], str]] = {
    "virtio": lambda disk: plan_properties(disk, "virtio-blk-pci"),
    "nvme": lambda disk: plan_properties(disk, "nvme", serial=disk.name),  # it must have one
    "scsi": lambda disk: plan_properties(disk, "scsi-hd,bus=scsi.0"),
    "ahci": lambda disk: plan_properties(disk, "ide-hd,bus=ahci.{port}", sector=False),
    "usb": lambda disk: plan_properties(disk, "usb-storage,bus=usb.0,removable=on", sector=False),
}
CONTROLLERS = {  # what a bus hangs on; the others are the board's own
    "scsi": "virtio-scsi-pci,id=scsi",
    "ahci": "ich9-ahci,id=ahci",
    "usb": "qemu-xhci,id=usb",
}


def plan_disks(disks: Sequence[Disk]) -> list[str]:
    """The options of all disks; raises `ImageError` for one that cannot be, or two of one name."""
    names = [disk.name for disk in disks]
    if len(set(names)) != len(names):
        raise ImageError(f"two disks of one name among {', '.join(names)}", "give each its own")
    argv: list[str] = []
    buses: list[str] = []
    for disk in disks:
        check_disk(disk)
        if disk.bus in CONTROLLERS and disk.bus not in buses:
            argv += ["-device", CONTROLLERS[disk.bus]]
        device = BUSES[disk.bus](disk).format(port=buses.count("ahci"))
        argv += [*plan_backend(disk), "-device", device]
        buses.append(disk.bus)
    return argv
