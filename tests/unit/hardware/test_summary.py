"""What `ophite get hardware` shows."""

from typing import Any

from controllers.hardware.summary import MAX_WRONG, SummaryController
from controllers.ports import Ports
from controllers.resources.hardware import (
    DriveHealth,
    HardwareSummary,
    MemoryErrors,
    MemoryInfo,
    MemoryModule,
    MemoryModuleErrors,
    PciDevice,
    ProcessorInfo,
    Sensor,
    SystemInformation,
    UsbDevice,
)
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile

BASE: list[Resource[Any]] = [
    new("system", SystemInformation(manufacturer="Supermicro", product="X11", firmware="AMI 3.4")),
    new("processors", ProcessorInfo(model="Xeon", online=16, sockets=2)),
    new("memory", MemoryInfo(total=64 << 30)),
]


def summary(*given: Resource[Any]) -> dict[str, HardwareSummary]:
    found = {}
    for one in run_reconcile(SummaryController(Ports()), [*BASE, *given]):
        assert isinstance(one.spec, HardwareSummary)
        found[one.id] = one.spec
    return found


def nic(driver: str) -> PciDevice:
    return PciDevice(ids="8086:1533", class_id="020000", kind="Ethernet controller", driver=driver)


def test_a_machine_in_good_health() -> None:
    found = summary(
        new("0000:00:00.0", PciDevice(ids="8086:1", class_id="060000", kind="host bridge")),
        new("0000:01:00.0", nic("igb")),
        new("0000:01:00.1", nic("igb")),
        new("0000:02:00.0", PciDevice(ids="1:2", class_id="ff0000")),
        new("1-1", UsbDevice(ids="0781:5583", vendor="SanDisk", product="Ultra")),
        new("1-2", UsbDevice(ids="0424:2514", class_id="09")),
        new("k10temp/Tctl", Sensor(kind="temperature", unit="°C", value=47.1, critical=95)),
        new("nct/fan1", Sensor(kind="fan", unit="rpm", value=900)),
        new("mc0", MemoryErrors()),
        new("sda", DriveHealth(passed=True)),
        new("sdb", DriveHealth(error="the drive says nothing about itself")),
    )
    assert {name: one.summary for name, one in found.items()} == {
        "system": "Supermicro X11, firmware AMI 3.4",
        "processors": "16 × Xeon, 2 sockets",
        "memory": "64.0 GiB, 0 errors corrected",
        "pci": "2 Ethernet controller, 1 other",
        "usb": "1 SanDisk Ultra",
        "sensors": "2 sensors, hottest k10temp/Tctl 47 °C",
        "drives": "1 of 2 drives say that they are well",
    }
    assert not any(one.wrong for one in found.values())


def test_what_is_wrong() -> None:
    found = summary(
        new("0000:01:00.0", nic("")),
        new("k10temp/Tctl", Sensor(kind="temperature", unit="°C", value=96, critical=95)),
        new("nct/fan1", Sensor(kind="fan", unit="rpm", value=0, alarm=True)),
        new("nct/in1", Sensor(kind="voltage", unit="V", value=1, critical=0)),
        new("mc0", MemoryErrors(corrected=5, modules=(MemoryModuleErrors(label="DIMM_A1", corrected=5),))),
        new("mc1", MemoryErrors(uncorrected=1)),
        new("sda", DriveHealth(passed=False, pending=2, reallocated=8)),
        new("sdb", DriveHealth(passed=True, wear=93, media_errors=1)),
    )
    assert {name: one.wrong for name, one in found.items() if one.wrong} == {
        "memory": ("DIMM_A1: 0 uncorrected and 5 corrected errors", "mc1: 1 uncorrected errors"),
        "pci": ("0000:01:00.0: no driver in this image for Ethernet controller 8086:1533",),
        "sensors": ("k10temp/Tctl: 96 °C", "nct/fan1: 0 rpm"),
        "drives": (
            "sda: says that it fails: replace it, 2 sectors cannot be read, 8 sectors were replaced",
            "sdb: 1 media errors, 93 % of its life is used",
        ),
    }


def test_memory_modules_are_counted() -> None:
    module = MemoryModule(size=32 << 30, kind="DDR4")
    found = summary(new("DIMM_A1", module), new("DIMM_B1", module))
    assert found["memory"].summary == "64.0 GiB (2 × 32 GiB DDR4)"
    found = summary(new("DIMM_A1", module), new("DIMM_B1", module), new("DIMM_C1", MemoryModule(size=16 << 30)))
    assert found["memory"].summary == "64.0 GiB (2 × 32 GiB DDR4, 1 × 16 GiB)"


def test_subjects_that_a_machine_does_not_have_have_no_line() -> None:
    assert set(summary()) == {"system", "processors", "memory"}


def test_the_list_is_cut() -> None:
    found = summary(*(new(f"0000:01:{number:02}.0", nic("")) for number in range(MAX_WRONG + 5)))
    assert len(found["pci"].wrong) == MAX_WRONG
