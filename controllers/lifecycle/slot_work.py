"""The slots of the disk that this node runs from, looked at and changed: the blocking half of `disk_ports`.

One thing at a time. The ESP is mounted only while something is read from it or written to it, so that a crash finds it
unmounted. Nothing is remembered of the disk between two calls but the kernel arguments of a slot that was written and has no
entry yet. Which slot runs is said by the root hash on the kernel command line, and by nothing else.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from controllers.lifecycle.bundle import Bundle
from controllers.lifecycle.entries import BootState, Entry, plan_arm, plan_commit, plan_disarm
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.esp import DirectoryEsp, EspPort, mount_esp
from controllers.lifecycle.layout import Slot
from controllers.lifecycle.loader_status import read_loader_status
from controllers.lifecycle.progress import Say
from controllers.lifecycle.running import KEY, find_root_hash
from controllers.lifecycle.slot_disk import SlotDisk
from controllers.lifecycle.slot_writer import execute, explain, plan_write
from controllers.lifecycle.slots import (
    SystemDisk,
    check_room,
    check_slot,
    find_system_disk,
    read_boot_state,
    read_slot_uki,
    read_system_disk,
    root_id,
)
from controllers.ports import Ports
from controllers.resources.lifecycle import SlotStatus

log = logging.getLogger("lifecycle")


class MountEsp(Protocol):
    """How an ESP is mounted for a while; `esp.mount_esp`."""

    def __call__(self, device: str, target: Path, *, read_only: bool) -> AbstractContextManager[DirectoryEsp]:
        """Raises `OSError`."""
        ...


class Session(NamedTuple):
    """The disk that runs, the slot of it that does, its ESP, and what the boot loaders will read there."""

    disk: SystemDisk
    running: Slot
    esp: EspPort
    state: BootState


class SlotWork:
    """What `SlotPort` promises, blocking; everything may raise `SlotError`. In: `mount`, how an ESP is mounted."""

    def __init__(self, ports: Ports, mount: MountEsp = mount_esp) -> None:
        self._ports = ports
        self._mount = mount
        self._lock = threading.Lock()
        self._options: dict[Slot, str] = {}
        self._seen: dict[str, SlotStatus] = {}

    def look(self) -> dict[str, SlotStatus]:
        """Return what the slots hold; empty where the node does not run from one."""
        if self._ports.cmdline.get("ophite.root") != "verity":
            return {}
        if self._lock.locked() and self._seen:
            return self._seen  # a slot is being written, for minutes maybe; its end is a reason to look again
        uefi = (self._ports.paths.sys / "firmware/efi").is_dir()
        with self._session(read_only=True) as session:
            upcoming = session.state.next_uefi if uefi else session.state.next_bios
            self._seen = {slot.value: _describe(session, slot, is_next=slot is upcoming) for slot in Slot}
        return self._seen

    def check(self, slot: Slot, bundle: Bundle) -> None:
        """Refuse when a bundle does not fit into a slot or the ESP."""
        with self._session(read_only=True) as session:
            check_room(bundle.manifest, session.disk, slot, session.esp)

    def write(self, slot: Slot, bundle: Bundle, words: tuple[str, ...], say: Say) -> None:
        """Write a bundle into a slot, all but its boot entry."""
        line = " ".join((bundle.read_command_line(), *words))
        with self._session() as session:
            uki = read_slot_uki(session.esp, session.running)
            options = " ".join((uki.command_line, *words)) if words else ""
            running = Entry(session.running, 0, uki.version, options=options)
            check_room(bundle.manifest, session.disk, slot, session.esp)
            steps = plan_write(session.state, bundle.manifest, slot, line, running)
            execute(steps, SlotDisk(session.disk.path, session.esp), bundle, say)
        self._options[slot] = line if words else ""

    def arm(self, slot: Slot, version: str) -> None:
        """Have a slot tried once at the next boot."""
        with self._session() as session:
            uki = read_slot_uki(session.esp, slot)
            problem = check_slot(session.disk, slot, uki)
            if problem:
                raise SlotError(f"slot {slot.value} cannot be tried: {problem}", "upgrade to a version instead")
            found = session.state.find(slot)
            options = found.options if found else self._options.pop(slot, "")
            entry = Entry(slot, 0, version or uki.version, options=options)
            execute(plan_arm(session.state, entry), SlotDisk(session.disk.path, session.esp))

    def commit(self, slot: Slot) -> None:
        """Have the slot that runs taken from now on."""
        loader = read_loader_status(self._ports.paths.sys / "firmware/efi/efivars")
        with self._session() as session:
            if slot is not session.running:
                text = f"slot {slot.value} does not run, and only what runs can prove itself"
                raise SlotError(text, f"slot {session.running.value} runs; boot the other one first")
            log.info("commit slot", extra={"slot": slot.value, "loader": loader.loader, "selected": loader.selected})
            entry = Entry(slot, 0, read_slot_uki(session.esp, slot).version)
            execute(plan_commit(session.state, entry), SlotDisk(session.disk.path, session.esp))

    def disarm(self, slot: Slot) -> None:
        """Have the other slot taken from now on."""
        with self._session() as session:
            execute(plan_disarm(session.state, slot), SlotDisk(session.disk.path, session.esp))

    @contextmanager
    def _session(self, *, read_only: bool = False) -> Iterator[Session]:
        """Find the disk that runs and mount its ESP for a while. Raises `SlotError`."""
        with self._lock:
            root_hash = find_root_hash(f"{KEY}={self._ports.cmdline.get(KEY, '')}")
            disk = read_system_disk(self._find_disk(root_hash))
            running = disk.find_running(root_hash)
            if running is None:
                raise SlotError(f"no slot of {disk.path} bears the id of the root that runs", "install the node again")
            try:
                with self._mount(disk.esp_device, self._ports.paths.run / "esp", read_only=read_only) as esp:
                    yield Session(disk, running, esp, read_boot_state(esp))
            except OSError as error:
                raise explain(error, f"the ESP {disk.esp_device}") from error

    def _find_disk(self, root_hash: str) -> str:
        """Return the path of the disk that holds the root that runs. Raises `SlotError`."""
        if self._ports.cmdline.get("ophite.root") != "verity" or not root_hash:
            raise SlotError("this node does not run from a slot of a disk", "install it first")
        return find_system_disk(root_id(root_hash), self._ports.paths.sys / "class/block", self._ports.paths.dev)


def _describe(session: Session, slot: Slot, *, is_next: bool) -> SlotStatus:
    uki, entry = read_slot_uki(session.esp, slot), session.state.find(slot)
    error = check_slot(session.disk, slot, uki)
    return SlotStatus(
        version=uki.version or (entry.version if entry else ""),
        root_hash="" if error else uki.root_hash,
        running=slot is session.running,
        next=is_next,
        entry=entry is not None,
        tries=entry.tries if entry else None,
        error=error,
    )
