"""PCI and USB devices of a made-up sysfs."""

from pathlib import Path

import pytest

from controllers.hardware import pci_status
from controllers.hardware.announcements import Announcements
from controllers.hardware.look import Look
from controllers.hardware.pci_names import CLASSES, VENDORS, kind_of
from controllers.hardware.pci_status import PciStatusController
from controllers.hardware.usb_status import UsbStatusController
from controllers.ports import Paths, Ports
from controllers.resources.hardware import PciDevice, UsbDevice
from controllers.runtime.controller import make_view
from tests.unit.hardware.fake_sysfs import make

NIC = "sys/bus/pci/devices/0000:01:00.0/"
STICK = "sys/bus/usb/devices/1-1.4/"


def look(type_: type[Look], root: Path, now: float = 1000.0) -> tuple[Look, dict[str, object]]:
    controller = type_(Ports(paths=Paths(root)), Announcements())
    return controller, {one.id: one.spec for one in controller.reconcile(make_view(controller, [], [], now))}


def test_a_card(tmp_path: Path) -> None:
    files: dict[str, str | int] = {
        "vendor": "0x8086", "device": "0x1533", "subsystem_vendor": "0x15d9", "subsystem_device": "0x1533",
        "class": "0x020000", "label": "Onboard LAN\x1b[31m" + "x" * 999, "driver": "->../../../../bus/pci/drivers/igb",
        "modalias": "pci:v00008086d00001533sv000015D9sd00001533bc02sc00i00",
    }  # fmt: skip
    make(tmp_path, {NIC + name: text for name, text in files.items()})
    _, found = look(PciStatusController, tmp_path)
    device = found["0000:01:00.0"]
    assert isinstance(device, PciDevice)
    assert (device.ids, device.subsystem_ids, device.class_id) == ("8086:1533", "15d9:1533", "020000")
    assert (device.kind, device.vendor, device.driver) == ("Ethernet controller", "Intel", "igb")
    assert device.label.startswith("Onboard LAN?[31mx")
    assert len(device.label) == 256


def test_a_card_that_says_nothing(tmp_path: Path) -> None:
    (tmp_path / NIC).mkdir(parents=True)
    assert look(PciStatusController, tmp_path)[1] == {"0000:01:00.0": PciDevice(ids=":", subsystem_ids=":")}


def test_a_stick_and_not_the_hub_of_the_controller(tmp_path: Path) -> None:
    files: dict[str, str | int] = {
        "idVendor": "0781", "idProduct": "5583", "bDeviceClass": "00", "manufacturer": "SanDisk", "product": "Ultra Fit",
        "serial": "4C53", "speed": "480", "1-1.4:1.0/modalias": "usb:v0781p5583d0100dc00dsc00dp00ic08isc06ip50in00",
        "1-1.4:1.0/driver": "->../../drivers/usb-storage", "1-1.4:1.1/driver": "->../../drivers/usb-storage",
    }  # fmt: skip
    make(tmp_path, {STICK + name: text for name, text in files.items()})
    make(tmp_path, {"sys/bus/usb/devices/usb1/idVendor": "1d6b", "sys/bus/usb/devices/1-1.4:1.0/modalias": "usb:x"})
    assert look(UsbStatusController, tmp_path)[1] == {
        "1-1.4": UsbDevice(
            ids="0781:5583",
            class_id="00",
            vendor="SanDisk",
            product="Ultra Fit",
            serial="4C53",
            speed="480",
            drivers=("usb-storage",),
            modalias=("usb:v0781p5583d0100dc00dsc00dp00ic08isc06ip50in00",),
        )
    }


def test_it_rests_between_two_looks(tmp_path: Path) -> None:
    make(tmp_path, {NIC + "vendor": "0x8086"})
    controller, found = look(PciStatusController, tmp_path)
    assert len(found) == 1
    make(tmp_path, {"sys/bus/pci/devices/0000:02:00.0/vendor": "0x8086"})
    view = make_view(controller, [], [], 1000.5)
    assert len(list(controller.reconcile(view))) == 1
    assert view.wake_seconds == Look.rest - 0.5
    assert len(list(controller.reconcile(make_view(controller, [], [], 1000.0 + Look.rest)))) == 2


def test_more_devices_than_anybody_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pci_status, "MAX_DEVICES", 5)
    for number in range(8):
        (tmp_path / f"sys/bus/pci/devices/{number:04}").mkdir(parents=True)
    assert len(look(PciStatusController, tmp_path)[1]) == 5


@pytest.mark.parametrize("type_", [PciStatusController, UsbStatusController])
def test_in_namespaces_they_are_the_hosts(tmp_path: Path, type_: type[Look]) -> None:
    make(tmp_path, {NIC + "vendor": "0x8086", STICK + "idVendor": "0781"})
    controller = type_(Ports(paths=Paths(tmp_path), cmdline={"ophite.platform": "namespaces"}), Announcements())
    assert list(controller.reconcile(make_view(controller, [], [], 1000.0))) == []


@pytest.mark.parametrize(
    ("class_id", "kind"),
    [
        ("020000", "Ethernet controller"),
        ("010802", "NVMe drive"),
        ("0c0330", "USB controller"),
        ("02ff00", "network controller"),
        ("ff0000", ""),
        ("", ""),
    ],
)
def test_classes(class_id: str, kind: str) -> None:
    assert kind_of(class_id) == kind


def test_names_have_the_right_form() -> None:
    assert all(len(number) == 4 and number == f"{int(number, 16):04x}" for number in VENDORS)
    assert all(len(number) in (2, 4) and int(number, 16) >= 0 and number == number.lower() for number in CLASSES)
