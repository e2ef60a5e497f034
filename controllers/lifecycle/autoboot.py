"""`autoboot.txt`: which of two FAT partitions the firmware of a Raspberry Pi boots, and which one it tries when it was told to.

One sector, filled up with newlines, that is only ever written over in place, so a power cut leaves the old file or the new one.
The last section never passes. It is for bootloaders from before 2022: they know no sections, so the last `boot_partition` is
theirs, and that must be the slot that has proved itself. The build renders the same for images; a golden file holds both to
the same bytes. Pure. Source: Raspberry Pi documentation, config.txt, "autoboot.txt".
"""

from __future__ import annotations

from controllers.lifecycle.layout import Slot

SIZE = 512
"""Bytes that the firmware reads of it, and a sector of the disk."""
PARTITIONS = {Slot.A: 2, Slot.B: 3}
"""Numbers of the slots' boot partitions."""


def render(default: Slot) -> bytes:
    """Return the file for a slot that boots from now on; the other one is what is tried."""
    proved, tried = PARTITIONS[default], PARTITIONS[default.other]
    text = (
        f"[all]\ntryboot_a_b=1\nboot_partition={proved}\n[tryboot]\nboot_partition={tried}\n[none]\nboot_partition={proved}\n"
    )
    return text.encode().ljust(SIZE, b"\n")


def parse(data: bytes) -> Slot | None:
    """Return the slot that boots without the flag; None for a file that does not try the other one with it."""
    proved, tried = _find_partition(data, ("all",)), _find_partition(data, ("all", "tryboot"))
    slot = next((slot for slot, number in PARTITIONS.items() if str(number) == proved), None)
    return slot if slot and tried == str(PARTITIONS[slot.other]) else None


def _find_partition(data: bytes, passing: tuple[str, ...]) -> str:
    """Return the last `boot_partition` in the sections that pass; "" when there is none."""
    found, section = "", "all"
    for line in data[:SIZE].decode("ascii", "replace").splitlines():
        if line.startswith("["):
            section = line.strip().strip("[]").lower()
        elif section in passing and line.startswith("boot_partition="):
            found = line.partition("=")[2].strip()
    return found
