"""Where a disk is plugged in, in the words of udev's `path_id`: `pci-0000:00:1f.2-ata-1`.

There is no udev on a node, so the name is computed from the chain of devices in sysfs, from the disk up to its bus. Each
kind of device adds its part at the front; of several PCI or platform devices in a row only the nearest counts.
Trap: host numbers of SCSI count over the whole machine and in order of appearance, so they are made relative to the first
host of the same controller, and ATA ports are counted per controller.
Source: systemd, udev's built-in path_id (its documented output in systemd.net-naming-scheme(7) and by experiment).
"""

from __future__ import annotations

import re
from pathlib import Path

from controllers.block.sysfs import read_text

DEPTH = 24
_SCSI = re.compile(r"(\d+):(\d+):(\d+):(\d+)")
_HOST = re.compile(r"host(\d+)")
_USB = re.compile(r"\d+-([\d.]+:\d+\.\d+)")
SKIPPED = ("pci", "platform")


def find_bus_path(disk: Path) -> str:
    """Return where a disk is plugged in; "" when it has no place of its own (loop, device mapper, multipath).

    In: the disk's resolved directory in sysfs, such as `/sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda`.
    """
    parts: list[str] = []
    previous = ""
    for device in [disk, *disk.parents][:DEPTH]:
        subsystem = subsystem_of(device)
        if subsystem and not (subsystem == previous and subsystem in SKIPPED):
            part = _describe(device, subsystem)
            parts += [part] if part else []
        previous = subsystem or previous
    anchored = bool(parts) and parts[-1].startswith(("pci-", "platform-"))
    return "-".join(reversed(parts)) if anchored else ""


def subsystem_of(device: Path) -> str:
    """Return the kernel's name for the kind of a device, "" for a directory that is none."""
    link = device / "subsystem"
    return link.resolve().name if link.is_symlink() else ""


def _describe(device: Path, subsystem: str) -> str:
    """Return what one device of the chain adds."""
    match subsystem:
        case "pci" | "platform":
            return f"{subsystem}-{device.name}"
        case "usb":
            found = _USB.fullmatch(device.name)
            return f"usb-0:{found[1]}" if found else ""
        case "scsi":
            return _describe_scsi(device)
        case "block":
            number = read_text(device / "nsid")
            return f"nvme-{number}" if number.isdecimal() else ""
    return ""


def _describe_scsi(device: Path) -> str:
    address = _SCSI.fullmatch(device.name)
    if address is None:
        return ""
    host = next((one for one in device.parents if _HOST.fullmatch(one.name)), None)
    if host is None:
        return ""
    if re.fullmatch(r"ata\d+", host.parent.name):
        return f"ata-{_ata_port(host.parent)}"
    hosts = (_HOST.fullmatch(one.name) for one in host.parent.iterdir())
    first = min((int(one[1]) for one in hosts if one), default=0)
    return f"scsi-{int(address[1]) - first}:{address[2]}:{address[3]}:{address[4]}"


def _ata_port(port: Path) -> str:
    number = read_text(port / "ata_port" / port.name / "port_no")
    return number if number.isdecimal() else port.name.removeprefix("ata")
