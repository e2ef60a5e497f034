"""What the machine is made of, from made-up firmware."""

from pathlib import Path

from controllers.hardware.system_info import SystemInfoController, parse_cpuinfo, parse_meminfo, read_system
from controllers.ports import Paths, Ports
from controllers.resources.hardware import MemoryInfo, ProcessorInfo, SystemInformation
from tests.harness.reconcile import run_reconcile

X86 = """\
processor\t: 0
model name\t: AMD EPYC
physical id\t: 0

processor\t: 1
model name\t: AMD EPYC
physical id\t: 1
"""
ARM = "processor\t: 0\nCPU part\t: 0xd08\n\nprocessor\t: 1\nCPU part\t: 0xd08\n"


def test_dmi(tmp_path: Path) -> None:
    dmi = tmp_path / "class/dmi/id"
    dmi.mkdir(parents=True)
    for name, text in (
        ("sys_vendor", "QEMU\n"),
        ("product_name", "Standard PC\x1b[2J" + "x" * 5000),
        ("product_version", "To Be Filled By O.E.M.\n"),
        ("product_serial", "Default string"),
        ("product_uuid", "ABCD-EF\n"),
        ("bios_vendor", "EDK II"),
        ("bios_version", "2025"),
    ):
        (dmi / name).write_text(text)
    found = read_system(tmp_path, tmp_path)
    assert found.product.startswith("Standard PC?[2Jx")
    assert len(found.product) == 256
    assert (found.manufacturer, found.version, found.serial) == ("QEMU", "", "")
    assert (found.uuid, found.firmware) == ("abcd-ef", "EDK II 2025")


def test_device_tree(tmp_path: Path) -> None:
    (tmp_path / "device-tree").mkdir()
    (tmp_path / "device-tree/model").write_bytes(b"Raspberry Pi 4 Model B\0")
    found = read_system(tmp_path / "none", tmp_path)
    assert found == SystemInformation(product="Raspberry Pi 4 Model B")


def test_processors() -> None:
    assert parse_cpuinfo(X86) == ProcessorInfo(model="AMD EPYC", online=2, sockets=2)
    assert parse_cpuinfo(ARM) == ProcessorInfo(model="0xd08", online=2, sockets=1)
    assert parse_cpuinfo("CPU implementer\t: 0x41\n" + ARM).model == "Cortex-A72"
    assert parse_cpuinfo("CPU implementer\t: 0x51\n" + ARM).model == "0xd08", "another maker's numbers mean something else"
    assert parse_cpuinfo("") == ProcessorInfo()


def test_memory() -> None:
    assert parse_meminfo("MemTotal:  1000 kB\nSwapTotal:   0 kB\n") == MemoryInfo(total=1024000)
    assert parse_meminfo("rubbish") == MemoryInfo()


def test_a_machine_that_says_nothing(tmp_path: Path) -> None:
    found = {one.id: one.spec for one in run_reconcile(SystemInfoController(Ports(paths=Paths(tmp_path))))}
    assert found == {"system": SystemInformation(), "processors": ProcessorInfo(), "memory": MemoryInfo()}
