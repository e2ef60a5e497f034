"""USB: /sys/bus/usb/devices → `UsbDevice` (Documentation/ABI/testing/sysfs-bus-usb).

Names there are `BUS-PORT.PORT` for devices and `DEVICE:CONFIG.INTERFACE` for their interfaces, which have the drivers. `usbN`
are the controllers' own hubs, which are no devices that somebody plugged in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from controllers.hardware.look import Look
from controllers.hardware.pci_status import driver_of, entries_of
from controllers.hardware.system_info import read_attribute
from controllers.resources.hardware import UsbDevice
from controllers.runtime.controller import Output, Wanted

MAX_DEVICES, MAX_INTERFACES = 512, 32
DEVICE = re.compile(r"\d+-\d+(\.\d+)*")


def read_device(device: Path) -> UsbDevice:
    """Return one device by its directory."""
    interfaces = list(islice((path for path in entries_of(device) if path.name.startswith(f"{device.name}:")), MAX_INTERFACES))
    return UsbDevice(
        ids=f"{read_attribute(device / 'idVendor')}:{read_attribute(device / 'idProduct')}",
        class_id=read_attribute(device / "bDeviceClass"),
        vendor=read_attribute(device / "manufacturer"),
        product=read_attribute(device / "product"),
        serial=read_attribute(device / "serial"),
        speed=read_attribute(device / "speed"),
        drivers=_each(driver_of(one) for one in interfaces),
        modalias=_each(read_attribute(one / "modalias") for one in interfaces),
    )


def _each(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


class UsbStatusController(Look):
    """USB devices → `UsbDevice`."""

    name = "hardware.UsbStatusController"
    outputs = (Output(UsbDevice),)
    subsystems = frozenset({"usb"})

    def look(self, sys: Path) -> Iterable[Wanted]:
        """Yield every device, at most 512."""
        devices = (path for path in entries_of(sys / "bus/usb/devices") if DEVICE.fullmatch(path.name))
        for device in islice(devices, MAX_DEVICES):
            yield Wanted(device.name, read_device(device))
