"""Who a disk is: model, serial number, World Wide Name, and the names that udev would give it below /dev/disk/by-id.

Without udev all of it is read from sysfs. SCSI keeps the answers of a disk to "who are you?" (VPD pages 0x80 and 0x83,
SPC-4 7.8), which for ATA disks hold the full model that `device/model` cuts at 16 characters. NVMe and virtio say it plainly.
Trap: these are bytes from a device that may lie or be broken: lengths are checked, texts are cut and cleaned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from controllers.block.sysfs import LIMIT, read_text
from controllers.runtime.text import make_printable

NAA, T10, VENDOR = 3, 1, 0  # types of designators, SPC-4 table 597
BY_ID = "/dev/disk/by-id/"
BY_PATH = "/dev/disk/by-path/"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a disk is; what it does not say is empty. `links`: names below /dev/disk/by-id."""

    model: str = ""
    serial: str = ""
    wwn: str = ""
    links: tuple[str, ...] = ()


def read_identity(disk: Path, transport: str) -> Identity:
    """Return who the disk is whose resolved directory in sysfs is given. What cannot be read is left out."""
    match transport:
        case "nvme":
            return _nvme(disk)
        case "ata":
            return _ata(disk)
        case "usb" | "scsi":
            return _scsi(disk, transport)
    model, serial = read_text(disk / "device/model") or read_text(disk / "device/name"), _serial(disk)
    name = f"mmc-{encode(model)}_{encode(serial)}" if transport == "mmc" else f"{transport or 'disk'}-{encode(serial)}"
    return Identity(model, serial, "", _links(name if serial else ""))


def encode(text: str) -> str:
    """Return a text as udev writes it into a name: blanks joined to `_`, and `_` for what a path should not hold."""
    return re.sub(r"[^A-Za-z0-9#+\-.:=@_]", "_", re.sub(r"\s+", "_", text.strip()))


def parse_designators(page: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of each designator of the disk itself in VPD page 0x83; stops where it makes no sense."""
    if len(page) < 4 or page[1] != 0x83:
        return
    rest = page[4 : 4 + int.from_bytes(page[2:4])]
    while len(rest) >= 4:
        length = rest[3]
        if len(rest) < 4 + length:
            return
        if rest[1] >> 4 & 3 == 0:
            yield rest[1] & 0xF, rest[4 : 4 + length]
        rest = rest[4 + length :]


def _nvme(disk: Path) -> Identity:
    model, serial, wwn = read_text(disk / "device/model"), _serial(disk), read_text(disk / "wwid")
    plain = f"nvme-{encode(model)}_{encode(serial)}" if serial else ""
    number = read_text(disk / "nsid")
    numbered = f"{plain}_{number}" if plain and number else ""
    return Identity(model, serial, wwn, _links(plain, numbered, f"nvme-{encode(wwn)}" if wwn else ""))


def _ata(disk: Path) -> Identity:
    """libata answers for the disk: vendor "ATA", then 40 characters of model and 20 of serial number (SAT-3 10.3.4)."""
    found = dict(parse_designators(_read(disk / "device/vpd_pg83")))
    text = found.get(T10, b"").decode("ascii", "replace")
    full = len(text) >= 68
    model = _clean(text[8:48]) if full else read_text(disk / "device/model")
    serial = _clean(text[48:68]) if full else _serial(disk)
    wwn = _wwn(found)
    name = f"ata-{encode(model)}_{encode(serial)}" if serial else ""
    return Identity(model, serial, wwn, _links(name, f"wwn-{wwn}" if wwn else ""))


def _scsi(disk: Path, transport: str) -> Identity:
    found = dict(parse_designators(_read(disk / "device/vpd_pg83")))
    vendor, model, serial, wwn = read_text(disk / "device/vendor"), read_text(disk / "device/model"), _serial(disk), _wwn(found)
    if transport == "usb":
        serial = next((text for one in disk.parents if (text := read_text(one / "serial"))), serial)
        place = ":".join((disk / "device").resolve().name.split(":")[2:])
        name = f"usb-{encode(vendor)}_{encode(model)}_{encode(serial)}-{place}" if serial else ""
    elif wwn:
        name = f"scsi-3{wwn.removeprefix('0x')}"
    elif T10 in found:
        name = f"scsi-1{encode(found[T10].decode('ascii', 'replace'))}"
    else:
        own = found.get(VENDOR, b"").decode("ascii", "replace")
        name = f"scsi-0{encode(vendor)}_{encode(model)}_{encode(own)}" if own else ""
    return Identity(f"{vendor} {model}".strip(), serial, wwn, _links(name, f"wwn-{wwn}" if wwn else ""))


def _wwn(designators: dict[int, bytes]) -> str:
    return f"0x{designators[NAA].hex()}" if designators.get(NAA) else ""


def _serial(disk: Path) -> str:
    page = _read(disk / "device/vpd_pg80")
    if len(page) > 4 and page[1] == 0x80:
        return _clean(page[4 : 4 + int.from_bytes(page[2:4])].decode("ascii", "replace"))
    return read_text(disk / "device/serial") or read_text(disk / "serial")


def _clean(text: str) -> str:
    return make_printable(text.strip(" \0"))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LIMIT)
    except OSError:
        return b""


def _links(*names: str) -> tuple[str, ...]:
    return tuple(sorted({BY_ID + name for name in names if name}))
