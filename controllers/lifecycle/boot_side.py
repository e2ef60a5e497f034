"""The boot side of two slots as a port: where their kernels lie, and what makes firmware take one, try one, or leave one.

Root partitions are the same on every disk; what boots them is not. `EspSide` is a PC or a server (UEFI and BIOS),
`TrybootSide` a Raspberry Pi. Which one a disk has is said by its partitions, not by the machine that it is in. A side only
reads and plans; the steps are carried out by `slot_writer.execute`, and what they write is mounted for that alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from controllers.lifecycle.bundle import Bundle, Manifest
from controllers.lifecycle.esp import EspPort
from controllers.lifecycle.layout import Slot
from controllers.lifecycle.slot_writer import Steps
from controllers.lifecycle.slots import SystemDisk
from controllers.resources.lifecycle import SlotStatus


class Session(NamedTuple):
    """The disk that runs, the slot of it that does, and the files that its slots are booted from, mounted."""

    disk: SystemDisk
    running: Slot
    files: EspPort


class BootSide(Protocol):
    """What boots the slots of a disk. Plans raise `SlotError` when no version that works could come back; all `OSError`."""

    def list_devices(self, disk: SystemDisk) -> Mapping[str, str]:
        """Return the FAT partitions: directory that the paths of their files begin with ("" for the only one) → device."""
        ...

    def look(self, session: Session, slot: Slot) -> SlotStatus:
        """Return what a slot holds, and what firmware will make of it."""
        ...

    def check_room(self, session: Session, slot: Slot, manifest: Manifest) -> None:
        """Raise `SlotError` when the boot files of a bundle do not fit."""
        ...

    def plan_write(self, session: Session, slot: Slot, bundle: Bundle, words: tuple[str, ...]) -> Steps:
        """Return the steps after which a slot holds the version of a bundle, and nothing boots it yet.

        In: `words`, further kernel arguments.
        """
        ...

    def plan_arm(self, session: Session, slot: Slot, version: str) -> Steps:
        """Return the steps that have a slot tried once at the next boot. In: the version that it holds, "" where unknown."""
        ...

    def plan_commit(self, session: Session, slot: Slot) -> Steps:
        """Return the steps after which a slot boots for good."""
        ...

    def plan_disarm(self, session: Session, slot: Slot) -> Steps:
        """Return the steps after which the other slot boots."""
        ...
