"""What the machine is made of: DMI or device tree, /proc/cpuinfo, /proc/meminfo → `controllers.resources.hardware`.

Read once: it does not change while the machine runs. Trap: firmware writes what it likes, so texts are cut and cleaned,
and the placeholders of careless makers count as nothing.
Sources: Documentation/ABI/testing/sysfs-firmware-dmi-tables, proc(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from controllers.ports import Ports
from controllers.resources.hardware import MemoryInfo, ProcessorInfo, SystemInformation
from controllers.runtime.controller import Controller, Output, View, Wanted
from controllers.runtime.text import make_printable

LIMIT = 1024 * 1024
SHOWN = 256
PLACEHOLDERS = frozenset({"to be filled by o.e.m.", "default string", "system serial number", "not specified", "none", "0"})

ARM = "0x41"
ARM_PARTS = {
    "0xd03": "Cortex-A53",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1",
    "0xd49": "Neoverse-N2",
    "0xd4f": "Neoverse-V2",
}
"""Main ID Register, part numbers of Arm's own cores (their Technical Reference Manuals)."""


def read_attribute(path: Path) -> str:
    """Return a short text of the firmware, "" when it is missing or says nothing."""
    try:
        with path.open("rb") as file:
            raw = file.read(4 * SHOWN)
    except OSError:
        return ""
    return clean(raw.decode("utf-8", "replace"))


def clean(text: str) -> str:
    """Return a text of some maker, cut and printable; "" for the placeholders of careless ones."""
    text = text.strip("\0 \t\r\n")[:SHOWN]
    text = make_printable(text)
    return "" if text.lower() in PLACEHOLDERS else text


def read_system(sys: Path, proc: Path) -> SystemInformation:
    """Return what DMI says; on boards without it, what the device tree says."""
    dmi = sys / "class/dmi/id"
    product = read_attribute(dmi / "product_name")
    if not product:
        tree = proc / "device-tree"
        return SystemInformation(product=read_attribute(tree / "model"), serial=read_attribute(tree / "serial-number"))
    return SystemInformation(
        manufacturer=read_attribute(dmi / "sys_vendor"),
        product=product,
        version=read_attribute(dmi / "product_version"),
        serial=read_attribute(dmi / "product_serial"),
        uuid=read_attribute(dmi / "product_uuid").lower(),
        firmware=" ".join(filter(None, (read_attribute(dmi / "bios_vendor"), read_attribute(dmi / "bios_version")))),
    )


def parse_cpuinfo(text: str) -> ProcessorInfo:
    """Return model, number of processors and sockets from /proc/cpuinfo; arm64 has only the number of a part there."""
    fields = [(key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in text.splitlines())]
    models = [value for key, value in fields if key == "model name"] or [value for key, value in fields if key == "CPU part"]
    sockets = {value for key, value in fields if key == "physical id"}
    if models and ("CPU implementer", ARM) in fields:
        models = [ARM_PARTS.get(models[0], models[0])]
    online = sum(1 for key, _ in fields if key == "processor")
    return ProcessorInfo(model=models[0][:SHOWN] if models else "", online=online, sockets=max(len(sockets), 1))


def parse_meminfo(text: str) -> MemoryInfo:
    """Return total memory and swap in bytes from /proc/meminfo."""
    found = dict(re.findall(r"^(\w+):\s+(\d{1,15}) kB$", text, re.MULTILINE))
    return MemoryInfo(total=int(found.get("MemTotal", 0)) * 1024, swap=int(found.get("SwapTotal", 0)) * 1024)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(LIMIT).decode("utf-8", "replace")
    except OSError:
        return ""


class SystemInfoController(Controller):
    """Firmware and /proc → `SystemInformation`, `ProcessorInfo`, `MemoryInfo`."""

    name = "hardware.SystemInfoController"
    outputs = (Output(SystemInformation), Output(ProcessorInfo), Output(MemoryInfo))

    def __init__(self, ports: Ports) -> None:
        self._paths = ports.paths

    def reconcile(self, view: View) -> Iterable[Wanted]:
        sys, proc = self._paths.sys, self._paths.proc
        yield Wanted("system", read_system(sys, proc))
        yield Wanted("processors", parse_cpuinfo(_read(proc / "cpuinfo")))
        yield Wanted("memory", parse_meminfo(_read(proc / "meminfo")))
