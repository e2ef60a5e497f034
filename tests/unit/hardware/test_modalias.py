"""Devices of a made-up sysfs ask for their drivers."""

import json
from pathlib import Path
from typing import Any

import pytest

from controllers.hardware.announcements import Announcements
from controllers.hardware.modalias import NAMED, ModaliasController, is_plugged, list_texts
from controllers.machine.modules_config import ModulesConfigController, describe
from controllers.ports import Paths, Ports
from controllers.resources.hardware import DeviceModule
from controllers.resources.machine import KernelModuleSpec, PlatformInfo
from controllers.runtime.controller import make_view
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile

METAL = new("platform", PlatformInfo(platform="metal"))
NIC = "pci:v00008086d00001533sv000015D9sd00001533bc02sc00i00"
STICK = "usb:v0781p5583d0100dc00dsc00dp00ic08isc06ip50in00"
ALIASES = {
    "pci:v00008086d00001533sv*sd*bc*sc*i*": "igb",
    "usb:v*p*d*dc*dsc*dp*ic08isc06ip50in*": "usb_storage",
    "acpi*:PNP0C0C:*": "button",
}


class Machine:
    """A sysfs, an image's table, and the controller under test."""

    def __init__(self, root: Path) -> None:
        self.ports = Ports(paths=Paths(root))
        self.table = self.ports.paths.modules
        self.table.parent.mkdir(parents=True)
        self.table.write_text(json.dumps({"order": {}, "aliases": ALIASES}))
        self.controller = ModaliasController(self.ports, Announcements())
        self.now = 1000.0

    def plug(self, device: str, text: str) -> Path:
        bus, _, name = device.partition("/")
        path = self.ports.paths.sys / "bus" / bus / "devices" / name / "modalias"
        path.parent.mkdir(parents=True)
        path.write_text(text)
        return path

    def modules(self, later: float = 1.0) -> dict[str, DeviceModule]:
        self.now += later
        found = {}
        for one in run_reconcile(self.controller, now=self.now):
            assert isinstance(one.spec, DeviceModule)
            found[one.id] = one.spec
        return found


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_cold_plug(machine: Machine) -> None:
    machine.plug("pci/0000:01:00.1", f"{NIC}\n")
    machine.plug("pci/0000:01:00.0", f"{NIC}\n")
    machine.plug("acpi/PNP0C0C:00", "acpi:PNP0C0C:\nof:NthingT(null)Cx\n")
    machine.plug("pci/0000:00:00.0", "pci:v0000FFFFd0000FFFF")
    assert machine.modules() == {
        "igb": DeviceModule(devices=("pci/0000:01:00.0", "pci/0000:01:00.1"), count=2),
        "button": DeviceModule(devices=("acpi/PNP0C0C:00",), count=1),
    }


def test_hot_plug_compares_only_what_is_new(machine: Machine) -> None:
    machine.plug("pci/0000:01:00.0", NIC)
    machine.modules()
    before = machine.controller.compared
    machine.table.unlink()
    assert set(machine.modules()) == {"igb"}, "nothing new: the table is not even read"
    assert machine.controller.compared == before
    machine.table.write_text(json.dumps({"aliases": ALIASES}))
    stick = machine.plug("usb/1-1:1.0", STICK)
    assert set(machine.modules()) == {"igb", "usb_storage"}
    stick.unlink()
    assert set(machine.modules()) == {"igb"}


def test_it_rests_between_two_looks(machine: Machine) -> None:
    machine.plug("pci/0000:01:00.0", NIC)
    machine.modules()
    machine.plug("usb/1-1:1.0", STICK)
    view = make_view(machine.controller, [], [], machine.now + 0.1)
    assert [one.id for one in machine.controller.reconcile(view)] == ["igb"]
    assert view.wake_seconds == pytest.approx(ModaliasController.rest - 0.1)
    assert set(machine.modules(ModaliasController.rest)) == {"igb", "usb_storage"}


def test_many_of_one_kind_are_counted(machine: Machine) -> None:
    for number in range(NAMED + 3):
        machine.plug(f"pci/0000:01:00.{number}", NIC)
    module = machine.modules()["igb"]
    assert (len(module.devices), module.count) == (NAMED, NAMED + 3)
    assert describe(module).endswith("0000:01:00.3 and 3 more")


def test_a_machine_that_never_ends_is_cut(machine: Machine) -> None:
    for number in range(10):
        machine.plug(f"pci/{number}", f"pci:{number}")
    machine.plug("usb/huge", "usb:" + "x" * 100_000)
    machine.plug("memory/memory0", "memory:0")
    found = list_texts(machine.ports.paths.sys, limit=5)
    assert sum(map(len, found.values())) == 5 + 1, "each bus has its share, so that none hides the others"
    assert max(map(len, list_texts(machine.ports.paths.sys))) == 4096


def test_devices_that_cannot_be_read_are_passed_over(machine: Machine) -> None:
    machine.plug("pci/1", NIC)
    machine.plug("pci/2", "\0rubbish\xff")
    (machine.ports.paths.sys / "bus/pci/devices/3/modalias").mkdir(parents=True)
    (machine.ports.paths.sys / "bus/pci/devices/4").symlink_to("/nowhere")
    assert set(list_texts(machine.ports.paths.sys)) == {NIC}


def test_in_namespaces_the_kernel_is_the_hosts(machine: Machine) -> None:
    machine.plug("pci/1", NIC)
    ports = Ports(paths=machine.ports.paths, cmdline={"ophite.platform": "namespaces"})
    assert run_reconcile(ModaliasController(ports, Announcements())) == []


def test_a_broken_image_is_told(machine: Machine) -> None:
    machine.plug("pci/1", NIC)
    machine.table.write_text("[")
    with pytest.raises(ValueError, match="Expected `object`"):
        machine.modules()


def test_the_chip_of_a_network_port_has_only_an_id(machine: Machine) -> None:
    machine.table.write_text(json.dumps({"aliases": {"mdio:0110000000001101100001001010????": "broadcom"}}))
    for place, text in (
        ("mdio_bus/unimac-mdio--19:01", "0x600d84a2\n"),
        ("mdio_bus/x:02", "rubbish"),
        ("other/x", "0x600d84a2"),
    ):
        bus, _, name = place.partition("/")
        path = machine.ports.paths.sys / "bus" / bus / "devices" / name / "phy_id"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert machine.modules() == {"broadcom": DeviceModule(devices=("mdio_bus/unimac-mdio--19:01",), count=1)}


def test_which_events_count() -> None:
    assert is_plugged({"ACTION": "add", "MODALIAS": NIC})
    assert is_plugged({"ACTION": "remove", "MODALIAS": NIC})
    assert not is_plugged({"ACTION": "bind", "MODALIAS": NIC})
    assert not is_plugged({"ACTION": "add", "SUBSYSTEM": "net"})
    assert is_plugged({"ACTION": "add", "SUBSYSTEM": "mdio_bus"})


def test_what_devices_ask_for_is_not_required() -> None:
    given: list[Resource[Any]] = [
        METAL,
        new("igb", DeviceModule(devices=("pci/1",), count=1)),
        new("overlay", DeviceModule(count=1)),
    ]
    found = {one.id: one.spec for one in run_reconcile(ModulesConfigController(Ports()), given)}
    assert found["igb"] == KernelModuleSpec(name="igb", required=False, reason="device pci/1")
    assert found["overlay"] == KernelModuleSpec(name="overlay"), "what the list says stays"


def test_what_a_driver_would_have_modprobe_load_comes_along() -> None:
    given: list[Resource[Any]] = [METAL, new("genet", DeviceModule(devices=("platform/fd580000.ethernet",), count=1))]
    found = {one.id: one.spec for one in run_reconcile(ModulesConfigController(Ports()), given)}
    assert found["broadcom"] == KernelModuleSpec(name="broadcom", required=False, reason="device platform/fd580000.ethernet")
