"""Memory modules: SMBIOS → `MemoryModule`. Boards with a device tree have none to tell of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from controllers.hardware.smbios import parse_memory
from controllers.ports import Ports
from controllers.resources.hardware import MemoryModule
from controllers.runtime.controller import Controller, Output, View, Wanted

LIMIT = 1 << 20  # bytes


def read_table(path: Path) -> bytes:
    """Return the firmware's table; nothing where there is none or it may not be read."""
    try:
        with path.open("rb") as file:
            return file.read(LIMIT)
    except OSError:
        return b""


class MemoryModulesStatusController(Controller):
    """The firmware's table → `MemoryModule`. Read once: nobody changes modules while the machine runs."""

    name = "hardware.MemoryModulesStatusController"
    outputs = (Output(MemoryModule),)
    inline = False

    def __init__(self, ports: Ports) -> None:
        self._table = ports.paths.sys / "firmware/dmi/tables/DMI"
        self._hosts = ports.cmdline.get("ophite.platform") == "namespaces"

    def reconcile(self, view: View) -> Iterable[Wanted]:
        if self._hosts:
            return []
        return [Wanted(slot, module) for slot, module in parse_memory(read_table(self._table)).items()]
