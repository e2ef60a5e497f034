"""The disk of a Raspberry Pi in memory, the machine that boots from it, and the way that an upgrade takes on it."""

from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from controllers.block import gpt
from controllers.lifecycle.autoboot import render
from controllers.lifecycle.boot_side import Session
from controllers.lifecycle.bundle import Bundle
from controllers.lifecycle.layout import Slot
from controllers.lifecycle.slot_writer import Steps, execute
from controllers.lifecycle.slots import SystemDisk, root_id
from controllers.lifecycle.tryboot import Board
from controllers.lifecycle.tryboot_side import TrybootSide
from controllers.ports import Paths
from tests.harness.pi_firmware import Booted, Firmware
from tests.unit.lifecycle.bundles import root_hash
from tests.unit.lifecycle.fake_disk import FakeDisk

BASIC_DATA = UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")
ROOT_TYPE = UUID(int=9)
A, B = Slot.A, Slot.B


def make_parts(version: str) -> dict[str, bytes]:
    """Parts of a bundle that differ by version, of sizes that are no multiple of anything."""
    line = f"ophite.root=verity ophite.verity={root_hash(version)}:ab:100 console=ttyS1"
    config = f"# Ophite {version}\n[all]\narm_64bit=1\nkernel=kernel8.img\ninitramfs initramfs.zst followkernel\n"
    files = {name: f"{name} {version} ".encode() * 300 for name in ("kernel8.img", "start4.elf", "bcm2711-rpi-4-b.dtb")}
    files |= {"initramfs.zst": f"initramfs {version} ".encode() * 5000, "overlays/ophite.dtbo": f"page {version}".encode()}
    files |= {"config.txt": config.encode(), "tryboot.txt": config.encode(), "cmdline.txt": f"{line}\n".encode()}
    root = f"root {version} ".encode().ljust(4096, b".") * 11
    return {
        **{f"boot/{name}": files[name] for name in sorted(files)},
        "cmdline": f"{line}\n".encode(),
        "root.erofs": root,
    }


class ReadyBoard(Board):
    """A machine that can tell its firmware."""

    def __init__(self) -> None:
        super().__init__(Paths(Path("/nonexistent")))

    def check(self) -> None:
        """Nothing is missing."""


SIDE = TrybootSide(ReadyBoard())


def install(version: str = "1.0") -> FakeDisk:
    """What an image leaves: a version in slot a, an empty slot b."""
    disk = FakeDisk(files={"BOOT/autoboot.txt": render(A)})
    fill(disk, A, version)
    return disk


def fill(disk: FakeDisk, slot: Slot, version: str) -> None:
    """Put a whole version into a slot."""
    parts = make_parts(version)
    disk.files |= {
        f"{slot.boot_label}/{name.removeprefix('boot/')}": data for name, data in parts.items() if name.startswith("boot/")
    }
    disk.roots[slot], disk.ids[slot] = parts["root.erofs"], root_id(root_hash(version))


def open_session(disk: FakeDisk, running: Slot) -> Session:
    """Look at the disk as the slot that runs does."""
    table = gpt.new_table(UUID(int=1), 512, 100_000)
    rows: list[tuple[str, UUID, UUID]] = [
        ("BOOT", BASIC_DATA, UUID(int=2)),
        *((slot.boot_label, BASIC_DATA, UUID(int=3 + at)) for at, slot in enumerate(Slot)),
        *((slot.root_label, ROOT_TYPE, disk.ids.get(slot, UUID(int=7 + at))) for at, slot in enumerate(Slot)),
    ]
    for number, (label, kind, uuid) in enumerate(rows, start=1):
        first = 2048 * number
        table = table.with_partition(gpt.Partition(number, kind, uuid, first, first + 2047, label))
    return Session(SystemDisk("/dev/mmcblk0", table), running, disk)


def boot(disk: FakeDisk, firmware: Firmware) -> str | None:
    """Start the machine; return the version that comes up, None when nothing does."""
    booted = firmware.start(disk.files)
    return None if booted is None else find_version(disk, booted)


def find_version(disk: FakeDisk, booted: Booted) -> str | None:
    """Return what comes up: kernel, initramfs and command line are of one version, whose root is whole (dm-verity)."""
    for version in ("1.0", "2.0"):
        parts = make_parts(version)
        if (booted.kernel, booted.initramfs) != (parts["boot/kernel8.img"], parts["boot/initramfs.zst"]):
            continue
        root = parts["root.erofs"]
        for slot in Slot:
            bears = disk.ids.get(slot) == root_id(root_hash(version)) and root_hash(version) in booted.command_line
            if bears and disk.roots.get(slot, b"")[: len(root)] == root:
                return version
    return None


def carry_out(disk: FakeDisk, steps: Steps, bundle: Bundle | None = None) -> Steps:
    """Do it; returns what was done."""
    execute(steps, disk, bundle)
    return steps


def write(disk: FakeDisk, bundle: Bundle, words: Iterable[str] = (), slot: Slot = B) -> Steps:
    """Write a bundle into a slot, while the other one runs."""
    return carry_out(disk, SIDE.plan_write(open_session(disk, slot.other), slot, bundle, tuple(words)), bundle)


def arm(disk: FakeDisk, slot: Slot = B) -> Steps:
    """Prepare the try of a slot, while the other one runs."""
    return carry_out(disk, SIDE.plan_arm(open_session(disk, slot.other), slot, ""))


def commit(disk: FakeDisk, slot: Slot = B) -> Steps:
    """Commit the slot that runs."""
    return carry_out(disk, SIDE.plan_commit(open_session(disk, slot), slot))
