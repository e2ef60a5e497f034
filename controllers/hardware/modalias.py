"""Drivers for what is plugged in: `modalias` of every device → the aliases of modules.json → `DeviceModule`.

There is no udev and no modprobe, so this is what they do on other systems. At the start every device is looked up (cold plug),
later the kernel announces one and all are looked at again (hot plug): only texts that were not there before are compared.
Trap: what a driver finds (a USB controller's devices) is announced while its module loads, so several rounds follow each other.
Trap: chips of network ports (PHYs) have no modalias, only the id of which the kernel would make one for modprobe.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from controllers.block.sysfs import LIMIT, read_text
from controllers.hardware.aliases import match_devices, read_aliases
from controllers.hardware.announcements import Announcements
from controllers.hardware.look import Look
from controllers.ports import Ports
from controllers.resources.hardware import DeviceModule
from controllers.runtime.controller import SHARED, Output, Wanted

MAX_DEVICES = 4096
"""Of one bus."""
WITHOUT = frozenset({"clockevents", "clocksource", "event_source", "machinecheck", "memory", "node", "workqueue"})
"""Buses whose devices no module drives; a machine with a terabyte has thousands of them."""
MDIO = "mdio_bus"
PHY_ID = re.compile(r"0x[0-9a-f]{1,8}")
NAMED = 4
"""How many devices of one module are named."""


def list_texts(sys: Path, limit: int = MAX_DEVICES) -> dict[str, list[str]]:
    """Return every modalias with the devices (`pci/0000:00:1f.2`) that have it, at most `limit` devices of a bus."""
    found: dict[str, list[str]] = {}
    root = f"{sys}/bus"
    for bus in sorted(set(_names(root)) - WITHOUT):
        for name in _names(f"{root}/{bus}/devices")[:limit]:
            device = f"{root}/{bus}/devices/{name}"
            texts = _read(f"{device}/modalias")
            if bus == MDIO and not texts:
                texts = _read_phy(Path(device))
            for text in texts:
                found.setdefault(text, []).append(f"{bus}/{name}")
    return found


def _names(directory: str) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in entries)
    except OSError:
        return []


def _read(path: str) -> list[str]:
    """Return the lines of a modalias: ACPI devices may have two."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        data = os.read(file, LIMIT)
    except OSError:
        return []
    finally:
        os.close(file)
    return [line for line in data.decode("utf-8", "replace").split("\n") if ":" in line]


def _read_phy(device: Path) -> list[str]:
    """Return the text of a PHY: the 32 bits of its id (MDIO_ID_FMT in linux/mod_devicetable.h)."""
    text = read_text(device / "phy_id")
    return [f"mdio:{int(text, 16):032b}"] if PHY_ID.fullmatch(text) else []


def is_plugged(event: dict[str, str]) -> bool:
    """Return whether an event says that a device for drivers came or went."""
    known = "MODALIAS" in event or event.get("SUBSYSTEM") == MDIO
    return known and event.get("ACTION") in ("add", "remove", "change")


class ModaliasController(Look):
    """Devices → `DeviceModule`. Nothing in namespaces, where the kernel is the host's."""

    name = "hardware.ModaliasController"
    outputs = (Output(DeviceModule, kind=SHARED),)
    rest = 0.5  # one driver leads to the next

    def __init__(self, ports: Ports, announcements: Announcements) -> None:
        super().__init__(ports, announcements)
        self._table = ports.paths.modules
        self._known: dict[str, list[str]] = {}
        self.compared = 0

    def matters(self, event: dict[str, str]) -> bool:
        """Return whether a device for drivers came or went."""
        return is_plugged(event)

    def look(self, sys: Path) -> Iterable[Wanted]:
        """Yield what devices want. Raises `OSError` or `ValueError` when the image's table cannot be read."""
        texts = list_texts(sys)
        self._look_up(texts)
        devices: dict[str, list[str]] = {}
        for text, owners in texts.items():
            for module in self._known[text]:
                devices.setdefault(module, []).extend(owners)
        for module, owners in devices.items():
            named = sorted(owners)
            yield Wanted(module, DeviceModule(devices=tuple(named[:NAMED]), count=len(named)))

    def _look_up(self, texts: Iterable[str]) -> None:
        """Compare the texts that are new; forget those that are gone."""
        known = {text: self._known[text] for text in texts if text in self._known}
        unknown = [text for text in texts if text not in known]
        if unknown:
            found = match_devices(unknown, read_aliases(self._table))
            self.compared += found.compared
            known |= {text: found.modules.get(text, []) for text in unknown}
        self._known = known
