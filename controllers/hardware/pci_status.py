"""PCI: /sys/bus/pci/devices → `PciDevice` (Documentation/ABI/testing/sysfs-bus-pci)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from controllers.hardware.look import Look
from controllers.hardware.pci_names import VENDORS, kind_of
from controllers.hardware.system_info import read_attribute
from controllers.resources.hardware import PciDevice
from controllers.runtime.controller import Output, Wanted

MAX_DEVICES = 2048


def driver_of(device: Path) -> str:
    """Return the name of the driver that has a device, or ""."""
    try:
        return (device / "driver").readlink().name
    except OSError:
        return ""


def entries_of(directory: Path) -> list[Path]:
    """Return what is in a directory of sysfs, sorted; nothing where there is none."""
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def read_device(device: Path) -> PciDevice:
    """Return one device by its directory."""

    def number(name: str) -> str:
        return read_attribute(device / name).removeprefix("0x").lower()

    vendor, class_id = number("vendor"), number("class")
    return PciDevice(
        ids=f"{vendor}:{number('device')}",
        subsystem_ids=f"{number('subsystem_vendor')}:{number('subsystem_device')}",
        class_id=class_id,
        kind=kind_of(class_id),
        vendor=VENDORS.get(vendor, ""),
        label=read_attribute(device / "label") or read_attribute(device / "acpi_index"),
        driver=driver_of(device),
        modalias=read_attribute(device / "modalias"),
    )


class PciStatusController(Look):
    """PCI functions → `PciDevice`."""

    name = "hardware.PciStatusController"
    outputs = (Output(PciDevice),)
    subsystems = frozenset({"pci"})

    def look(self, sys: Path) -> Iterable[Wanted]:
        """Yield every function, at most 2048."""
        for device in islice(entries_of(sys / "bus/pci/devices"), MAX_DEVICES):
            yield Wanted(device.name, read_device(device))
