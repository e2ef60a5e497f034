"""GRUB's part of the promise, with a real BIOS: a new slot is tried once, whatever ends that boot.

The slots' `boot.cfg` are replaced by ones that say so and reboot, so no kernel is started and the emulator ends by itself.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from image import grub
from image.esp import MIB
from image.qemu_packages import get_qemu
from image.run import get_program, run

if TYPE_CHECKING:
    from conftest import Built  # type: ignore[import-not-found]  # pytest's own, found when it runs

pytestmark = [pytest.mark.image, pytest.mark.timeout(3600)]
ESP = 2 * MIB  # behind the partition BIOS
BOOT_SECONDS = 180  # without KVM, on a busy host
SAYS = 'echo "started {slot} <$extra>"\nreboot\n'


class Disk:
    """A copy of the built disk whose boot partition can be changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.scratch = path.with_suffix(".file")

    def write(self, name: str, data: bytes) -> None:
        self.scratch.write_bytes(data)
        run(
            [get_program("mcopy"), "-o", "-i", f"{self.path}@@{ESP}", self.scratch, f"::{name}"], env={"MTOOLS_SKIP_CHECK": "1"}
        )

    def read(self, name: str) -> bytes:
        return run([get_program("mtype"), "-i", f"{self.path}@@{ESP}", f"::{name}"])

    def start(self, words: str = "") -> str:
        """Power the machine on until it reboots; what it said."""
        console = self.path.with_suffix(".log")
        console.unlink(missing_ok=True)
        argv = [
            *get_qemu("amd64").argv, "-M", "q35,smm=off", "-accel", "tcg", "-m", "256", "-nodefaults", "-display", "none",
            "-no-reboot", "-serial", f"file:{console}", "-drive", f"if=none,id=disk,format=raw,file={self.path},cache=unsafe",
            "-device", "virtio-blk-pci,drive=disk",
            *(["-smbios", f"type=11,value=io.systemd.stub.kernel-cmdline-extra={words}"] if words else []),
        ]  # fmt: skip
        subprocess.run(argv, check=True, timeout=BOOT_SECONDS)
        return console.read_text(errors="replace")


@pytest.fixture
def disk(built: Built, tmp_path: Path) -> Disk:
    """Slot a is committed; both slots say that they were started."""
    copy = tmp_path / "disk.img"
    run(["cp", "--sparse=always", built.output / "disk.img", copy])
    disk = Disk(copy)
    run([get_program("mmd"), "-i", f"{copy}@@{ESP}", "::ophite/b"])
    for slot in "ab":
        disk.write(f"ophite/{slot}/boot.cfg", SAYS.format(slot=slot).encode())
    return disk


def test_a_new_slot_is_tried_once(disk: Disk) -> None:
    disk.write("grub/grubenv", grub.render_environment("a", "b"))
    first = disk.start()
    assert "started b" in first
    assert "started a" not in first
    assert disk.read("grub/grubenv") == grub.render_environment("a")
    assert "started a" in disk.start()


def test_a_slot_that_cannot_be_loaded_leads_to_the_one_before(disk: Disk) -> None:
    disk.write("grub/grubenv", grub.render_environment("a", "b"))
    disk.write("ophite/b/boot.cfg", b"linux /ophite/b/vmlinuz\n")  # there is none
    said = disk.start()
    assert said.index("slot b cannot be started") < said.index("started a")
    assert disk.read("grub/grubenv") == grub.render_environment("a")


def test_a_committed_slot_is_the_default(disk: Disk) -> None:
    disk.write("grub/grubenv", grub.render_environment("b"))
    assert "started b" in disk.start()


def test_a_hypervisor_may_add_words(disk: Disk) -> None:
    assert "started a <>" in disk.start()
    assert "started a <console=ttyS0 x=1>" in disk.start("console=ttyS0 x=1")
