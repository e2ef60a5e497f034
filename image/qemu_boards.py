"""The machines that QEMU has for us: what each is called, where its console is, and what can be plugged into it.

`q35` and `virt` are virtual machines with PCI, on which everything is virtio. The Raspberry Pis are what QEMU knows of those
boards: processors and memory are fixed, the disk is the SD card, and there is no firmware, so kernel, device tree and initramfs
come from the card (image/qemu_card.py). A `raspi3b` has a network behind USB only; a `raspi4b` has none, and its card is not
found by Linux.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from image.errors import ImageError


@dataclass(frozen=True)
class Emulated:
    """One machine of QEMU.

    `machine` is its `-M`, `processor` what is emulated without KVM, `console` the kernel's name of serial port number `serial`.
    `boots`: the ways to boot, the usual one first. `pci`: has a PCI bus. `cpus` and `memory` (MiB): fixed, 0 = as wanted.
    `network`: the card, empty = none. `cdrom`: how an ISO image is plugged in. `device_tree`: its file on a card. `words`: what
    the kernel has to be told of it.
    """

    arch: str
    machine: str
    processor: str
    console: str
    boots: tuple[str, ...]
    serial: int = 0
    pci: bool = True
    cpus: int = 0
    memory: int = 0
    network: str = "virtio-net-pci,netdev=net0,romfile="
    cdrom: tuple[str, ...] = ()
    device_tree: str = ""
    words: str = ""


# QEMU takes the start of the watchdog for its end and resets at once. Without the driver nobody can reset it: a reboot halts.
NO_WATCHDOG = "module_blacklist=bcm2835_wdt"
HARDWARE = {
    "q35": Emulated(
        arch="amd64",
        machine="q35,smm=off",
        processor="max",
        console="ttyS0,115200",
        boots=("uefi", "bios", "direct"),
        cdrom=("ide-cd,bus=ide.2",),
    ),
    "virt": Emulated(
        arch="arm64",
        machine="virt",
        processor="cortex-a72",  # `max` emulates pointer authentication, which costs every function call
        console="ttyAMA0,115200",
        boots=("uefi", "direct"),
        cdrom=("virtio-scsi-pci,id=cd", "scsi-cd,bus=cd.0"),
    ),
    "raspi3b": Emulated(
        arch="arm64",
        machine="raspi3b",
        processor="cortex-a53",
        console="ttyS1,115200",
        boots=("card",),
        serial=1,
        pci=False,
        cpus=4,
        memory=1024,
        network="usb-net,netdev=net0",
        device_tree="bcm2837-rpi-3-b.dtb",
        words=NO_WATCHDOG,
    ),
    "raspi4b": Emulated(
        arch="arm64",
        machine="raspi4b",
        processor="cortex-a72",
        console="ttyAMA0,115200",
        boots=("card",),
        pci=False,
        cpus=4,
        memory=2048,
        network="",
        device_tree="bcm2711-rpi-4-b.dtb",
        words=NO_WATCHDOG,
    ),
}
USUAL = {"amd64": "q35", "arm64": "virt"}


def get_hardware(name: str, arch: str) -> Emulated:
    """The machine of that name, or the architecture's usual one for an empty name; raises `ImageError`."""
    found = HARDWARE.get(name or USUAL.get(arch, ""))
    if found is None:
        raise ImageError(f"no machine {name or arch!r}", f"one of: {', '.join(HARDWARE)}")
    if found.arch != arch:
        raise ImageError(f"the machine {name} is {found.arch}, the image {arch}", "give it an image of its architecture")
    return found


def check_boot(hardware: Emulated, boot: str) -> None:
    """Raise `ImageError` for a way to boot that this machine does not have."""
    if boot not in hardware.boots:
        raise ImageError(f"{hardware.machine}: no way to boot {boot!r}", f"one of: {', '.join(hardware.boots)}")


def find_arch(image: Path) -> str:
    """The architecture that the manifest of a built image says; empty when it says nothing."""
    try:
        found = json.loads((image / "manifest.json").read_text()).get("arch", "")
    except (OSError, ValueError, AttributeError):
        return ""
    return str(found)
