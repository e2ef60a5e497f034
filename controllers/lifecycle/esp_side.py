"""The boot side of a PC or a server: UKI, boot entries of systemd-boot and GRUB's files, all on one ESP (`entries`, `layout`).

A slot holds a version when its UKI names the root. Nothing is remembered between two calls but the kernel arguments of a slot
that was written and has no entry yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from controllers.lifecycle import grubenv
from controllers.lifecycle.boot_side import Session
from controllers.lifecycle.bundle import BIOS, Bundle, Manifest
from controllers.lifecycle.entries import TEXT_LIMIT, BootState, Entry, parse_name, plan_arm, plan_commit, plan_disarm
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.esp import EspPort
from controllers.lifecycle.layout import ENTRIES, GRUBENV, NEW, Slot, render_boot_cfg
from controllers.lifecycle.slot_writer import FileStep, RemoveFile, Steps, WriteFile, plan_copy, plan_root
from controllers.lifecycle.slots import SystemDisk, check_file_room, check_slot
from controllers.lifecycle.uki import Uki, read_uki
from controllers.resources.lifecycle import SlotStatus

MAX_FILES = 64
"""Entries that are read; a directory with more is not ours."""


class EspSide:
    """Keeps `BootSide`. In: `uefi`, whether this machine was started by UEFI, which reads other files than a BIOS."""

    def __init__(self, *, uefi: bool) -> None:
        self._uefi = uefi
        self._options: dict[Slot, str] = {}

    def list_devices(self, disk: SystemDisk) -> Mapping[str, str]:
        """Keep `BootSide.list_devices`."""
        return {"": disk.esp_device}

    def look(self, session: Session, slot: Slot) -> SlotStatus:
        """Keep `BootSide.look`."""
        state, uki = read_boot_state(session.files), read_slot_uki(session.files, slot)
        entry, error = state.find(slot), check_slot(session.disk, slot, uki.root_hash, f"{slot.uki} on the ESP")
        return SlotStatus(
            version=uki.version or (entry.version if entry else ""),
            root_hash="" if error else uki.root_hash,
            running=slot is session.running,
            next=slot is (state.next_uefi if self._uefi else state.next_bios),
            entry=entry is not None,
            tries=entry.tries if entry else None,
            error=error,
        )

    def check_room(self, session: Session, slot: Slot, manifest: Manifest) -> None:
        """Keep `BootSide.check_room`."""
        old = (session.files.find_size(path) or 0 for path in slot.boot_files)
        new = (manifest.files[name].size for name in boot_parts(manifest))
        check_file_room(new, old, session.files.measure(), f"the ESP of {session.disk.path}")

    def plan_write(self, session: Session, slot: Slot, bundle: Bundle, words: tuple[str, ...]) -> Steps:
        """Keep `BootSide.plan_write`."""
        line = " ".join((bundle.read_command_line(), *words))
        uki = read_slot_uki(session.files, session.running)
        running = Entry(session.running, 0, uki.version, options=" ".join((uki.command_line, *words)) if words else "")
        steps = plan_write(read_boot_state(session.files), bundle.manifest, slot, line, running)
        self._options[slot] = line if words else ""
        return steps

    def plan_arm(self, session: Session, slot: Slot, version: str) -> Steps:
        """Keep `BootSide.plan_arm`."""
        state, uki = read_boot_state(session.files), read_slot_uki(session.files, slot)
        found = state.find(slot)
        options = found.options if found else self._options.get(slot, "")
        return plan_arm(state, Entry(slot, 0, version or uki.version, options=options))

    def plan_commit(self, session: Session, slot: Slot) -> Steps:
        """Keep `BootSide.plan_commit`."""
        uki = read_slot_uki(session.files, slot)
        return plan_commit(read_boot_state(session.files), Entry(slot, 0, uki.version))

    def plan_disarm(self, session: Session, slot: Slot) -> Steps:
        """Keep `BootSide.plan_disarm`."""
        return plan_disarm(read_boot_state(session.files), slot)


def read_boot_state(esp: EspPort) -> BootState:
    """Return what the boot loaders will read. Raises `OSError`."""
    names = [name for name in esp.list_names(ENTRIES) if parse_name(name) is not None][:MAX_FILES]
    files = {name: esp.read(f"{ENTRIES}/{name}", TEXT_LIMIT + 1).decode("utf-8", "replace") for name in names}
    environment: Mapping[str, str] | None = None
    if esp.find_size(GRUBENV) is not None:
        environment = grubenv.parse(esp.read(GRUBENV, grubenv.SIZE + 1)) or {}
    return BootState(files, environment)


def read_slot_uki(esp: EspPort, slot: Slot) -> Uki:
    """Return what the slot's UKI says; nothing when it is not there. Raises `OSError`."""
    if esp.find_size(slot.uki) is None:
        return Uki()
    return read_uki(lambda offset, length: esp.read(slot.uki, length, offset))


def plan_write(state: BootState, manifest: Manifest, slot: Slot, command_line: str, running: Entry) -> Steps:
    """Return steps 1 to 4 of docs/lifecycle.md: the slot holds the bundle's version afterwards, and nothing boots it yet.

    In: `command_line`, with everything on it; `running`, the entry to write for the slot that runs if the ESP has none.
    Raises `SlotError` when the slot that runs could not come back.
    """
    if running.slot is slot:
        raise SlotError(f"slot {slot.value} runs and is not written", "the other slot is the one for a new version")
    kept: tuple[FileStep, ...] = () if state.names(running.slot) else plan_commit(state, running)
    if kept:
        repaired = replace(running, generation=state.next_generation, tries=None, failed=0)
        state = BootState({**state.files, repaired.file_name: repaired.render()}, state.environment)
    boot_files = plan_boot_files(manifest, slot, command_line)
    return (*kept, *plan_disarm(state, slot), *plan_root(manifest, slot), *boot_files)


def plan_boot_files(manifest: Manifest, slot: Slot, command_line: str) -> Steps:
    """Return the steps that put a slot's UKI and its files for GRUB on the ESP, the old ones gone first."""
    removed = [RemoveFile(path, "makes room") for old in slot.boot_files for path in (old, old + NEW)]
    copied = [
        plan_copy(manifest, part, slot.uki if place == "uki" else slot.bios_file(place))
        for part, place in boot_parts(manifest).items()
    ]
    bios = [WriteFile(slot.bios_file("boot.cfg"), render_boot_cfg(slot, command_line).encode(), "how GRUB starts it")]
    return (*removed, *copied, *(bios if len(copied) > 1 else []))


def boot_parts(manifest: Manifest) -> dict[str, str]:
    """Return the parts that go to the ESP, with the property of the slot that says where: `uki`, or a file for GRUB."""
    bios = {"vmlinuz": "vmlinuz", "initramfs.zst": "initramfs.zst"} if all(name in manifest.files for name in BIOS) else {}
    return {"ophite.efi": "uki", **bios}
