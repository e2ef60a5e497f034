"""`ophite get hardware`: a line for every subject, and what somebody should look at → `HardwareSummary`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from controllers.ports import Ports
from controllers.resources.hardware import (
    DriveHealth,
    HardwareSummary,
    MemoryErrors,
    MemoryInfo,
    MemoryModule,
    PciDevice,
    ProcessorInfo,
    Sensor,
    SystemInformation,
    UsbDevice,
)
from controllers.runtime.controller import Controller, Input, Output, View, Wanted

GIB = 1 << 30
WORN = 90  # percent
NEEDS_DRIVER = ("01", "02")
"""Classes of PCI without whose driver a node misses something: storage, network."""
MAX_WRONG = 16


class Subject(NamedTuple):
    """A line: its id, and what makes it. `wrong` is empty where nothing can be."""

    name: str
    summary: Callable[[View], str]
    wrong: Callable[[View], Iterator[str]]


def count_kinds(kinds: Iterable[str]) -> str:
    """Return `2 Ethernet controller, 1 NVMe drive`, the most first."""
    counted = Counter(kind or "other" for kind in kinds).most_common()
    return ", ".join(f"{count} {kind}" for kind, count in counted)


def show_system(view: View) -> str:
    """Maker, product, firmware."""
    system = view.get(SystemInformation, "system").spec
    name = " ".join(filter(None, (system.manufacturer, system.product, system.version)))
    return ", ".join(filter(None, (name, f"firmware {system.firmware}" if system.firmware else "")))


def show_processors(view: View) -> str:
    """How many of which."""
    found = view.get(ProcessorInfo, "processors").spec
    sockets = f", {found.sockets} sockets" if found.sockets > 1 else ""
    return f"{found.online} × {found.model}{sockets}"


def show_memory(view: View) -> str:
    """How much, and what its controllers count."""
    found = view.get(MemoryInfo, "memory").spec
    modules = count_kinds(f"× {one.spec.size / GIB:g} GiB {one.spec.kind}".strip() for one in view.list(MemoryModule))
    modules = f" ({modules})" if modules else ""
    counted = [one.spec for one in view.list(MemoryErrors)]
    errors = f", {sum(one.corrected for one in counted)} errors corrected" if counted else ""
    return f"{found.total / GIB:.1f} GiB{modules}{errors}"


def find_memory_errors(view: View) -> Iterator[str]:
    """Modules that had errors, or the controller where no module is known."""
    for one in view.list(MemoryErrors):
        for module in one.spec.modules:
            yield f"{module.label}: {module.uncorrected} uncorrected and {module.corrected} corrected errors"
        if not one.spec.modules and one.spec.uncorrected:
            yield f"{one.id}: {one.spec.uncorrected} uncorrected errors"


def show_pci(view: View) -> str:
    """Kinds of devices, bridges left out."""
    return count_kinds(one.spec.kind for one in view.list(PciDevice) if not one.spec.class_id.startswith("06"))


def find_driverless(view: View) -> Iterator[str]:
    """Storage and network without a driver."""
    for one in view.list(PciDevice):
        if one.spec.class_id.startswith(NEEDS_DRIVER) and not one.spec.driver:
            yield f"{one.id}: no driver in this image for {one.spec.kind} {one.spec.ids}"


def show_usb(view: View) -> str:
    """Products, hubs left out."""
    devices = [one.spec for one in view.list(UsbDevice) if one.spec.class_id != "09"]
    return count_kinds(" ".join(filter(None, (one.vendor, one.product))) or one.ids for one in devices)


def show_sensors(view: View) -> str:
    """How many, and the hottest."""
    sensors = view.list(Sensor)
    hot = max((one for one in sensors if one.spec.kind == "temperature"), key=lambda one: one.spec.value, default=None)
    hottest = f", hottest {hot.id} {hot.spec.value:.0f} °C" if hot else ""
    return f"{len(sensors)} sensors{hottest}" if sensors else ""


def find_alarms(view: View) -> Iterator[str]:
    """Sensors that raise an alarm, or are above what is critical."""
    for one in view.list(Sensor):
        critical = one.spec.critical is not None and one.spec.value >= one.spec.critical > 0
        if one.spec.alarm or critical:
            yield f"{one.id}: {one.spec.value:g} {one.spec.unit}"


def show_drives(view: View) -> str:
    """How many say that they are well."""
    drives = [one.spec for one in view.list(DriveHealth)]
    well = sum(1 for one in drives if one.passed)
    return f"{well} of {len(drives)} drives say that they are well" if drives else ""


def find_bad_drives(view: View) -> Iterator[str]:
    """Drives that say that they fail, or that show why they soon will."""
    for one in view.list(DriveHealth):
        health = one.spec
        signs = (
            (health.passed is False, "says that it fails: replace it"),
            (bool(health.pending), f"{health.pending} sectors cannot be read"),
            (bool(health.media_errors), f"{health.media_errors} media errors"),
            (bool(health.reallocated), f"{health.reallocated} sectors were replaced"),
            ((health.wear or 0) >= WORN, f"{health.wear} % of its life is used"),
        )
        found = [text for sign, text in signs if sign]
        if found:
            yield f"{one.id}: {', '.join(found)}"


def find_nothing(view: View) -> Iterator[str]:
    """For subjects with which nothing can be wrong."""
    return iter(())


SUBJECTS = (
    Subject("system", show_system, find_nothing),
    Subject("processors", show_processors, find_nothing),
    Subject("memory", show_memory, find_memory_errors),
    Subject("pci", show_pci, find_driverless),
    Subject("usb", show_usb, find_nothing),
    Subject("sensors", show_sensors, find_alarms),
    Subject("drives", show_drives, find_bad_drives),
)


class SummaryController(Controller):
    """Everything of the hardware → `HardwareSummary`; a subject without anything has no line."""

    name = "hardware.SummaryController"
    inputs = (
        Input(SystemInformation, id="system"),
        Input(ProcessorInfo, id="processors"),
        Input(MemoryInfo, id="memory"),
        Input(PciDevice),
        Input(UsbDevice),
        Input(Sensor),
        Input(MemoryErrors),
        Input(MemoryModule),
        Input(DriveHealth),
    )
    outputs = (Output(HardwareSummary),)

    def __init__(self, ports: Ports) -> None:
        """In: nothing of `ports` is needed; every controller is made the same way."""

    def reconcile(self, view: View) -> Iterable[Wanted]:
        for subject in SUBJECTS:
            summary, wrong = subject.summary(view), tuple(subject.wrong(view))
            if summary or wrong:
                yield Wanted(subject.name, HardwareSummary(summary=summary, wrong=wrong[:MAX_WRONG]))
