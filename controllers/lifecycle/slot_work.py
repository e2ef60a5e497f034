"""The slots of the disk that this node runs from, looked at and changed: the blocking half of `disk_ports`.

One thing at a time. FAT is mounted only while something is read from it or written to it, and for writing only where something
is written, so that a crash finds it unmounted. Which slot runs is said by the root hash on the kernel command line, and by
nothing else; how a slot is booted is the business of the disk's `BootSide`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from controllers.lifecycle.boot_side import BootSide, Session
from controllers.lifecycle.bundle import Bundle
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.esp import DirectoryEsp, EspPort, mount_esp
from controllers.lifecycle.esp_side import EspSide
from controllers.lifecycle.layout import Slot
from controllers.lifecycle.loader_status import read_loader_status
from controllers.lifecycle.progress import Say
from controllers.lifecycle.running import KEY, find_root_hash
from controllers.lifecycle.slot_disk import SlotDisk
from controllers.lifecycle.slot_writer import SetRootId, Steps, WriteRoot, execute, explain
from controllers.lifecycle.slots import check_room, find_system_disk, read_system_disk, root_id
from controllers.lifecycle.tryboot import Board
from controllers.lifecycle.tryboot_side import BOOT, TrybootSide
from controllers.ports import Ports
from controllers.resources.lifecycle import SlotStatus

log = logging.getLogger("lifecycle")


class MountEsp(Protocol):
    """How a FAT partition is mounted for a while; `esp.mount_esp`."""

    def __call__(self, device: str, target: Path, *, read_only: bool) -> AbstractContextManager[DirectoryEsp]:
        """Raises `OSError`."""
        ...


class SlotWork:
    """What `SlotPort` promises, blocking; everything may raise `SlotError`. In: `mount`, how FAT is mounted."""

    def __init__(self, ports: Ports, mount: MountEsp = mount_esp) -> None:
        self._ports = ports
        self._mount = mount
        self._lock = threading.Lock()
        self._esp = EspSide(uefi=(ports.paths.sys / "firmware/efi").is_dir())
        self._tryboot = TrybootSide(Board(ports.paths))
        self._seen: dict[str, SlotStatus] = {}

    def look(self) -> dict[str, SlotStatus]:
        """Return what the slots hold; empty where the node does not run from one."""
        if self._ports.cmdline.get("ophite.root") != "verity":
            return {}
        if self._lock.locked() and self._seen:
            return self._seen  # a slot is being written, for minutes maybe; its end is a reason to look again
        with self._lock, self._session() as (side, session):
            self._seen = {slot.value: side.look(session, slot) for slot in Slot}
        return self._seen

    def check(self, slot: Slot, bundle: Bundle) -> None:
        """Refuse when a bundle does not fit into a slot."""
        with self._lock, self._session() as (side, session):
            _check_room(side, session, slot, bundle)

    def write(self, slot: Slot, bundle: Bundle, words: tuple[str, ...], say: Say) -> None:
        """Write a bundle into a slot, all but what boots it."""

        def plan(side: BootSide, session: Session) -> Steps:
            _check_room(side, session, slot, bundle)
            return side.plan_write(session, slot, bundle, words)

        self._carry_out(plan, bundle, say)

    def arm(self, slot: Slot, version: str) -> None:
        """Have a slot tried once at the next boot."""

        def plan(side: BootSide, session: Session) -> Steps:
            if problem := side.look(session, slot).error:
                raise SlotError(f"slot {slot.value} cannot be tried: {problem}", "upgrade to a version instead")
            return side.plan_arm(session, slot, version)

        self._carry_out(plan)

    def commit(self, slot: Slot) -> None:
        """Have the slot that runs taken from now on."""

        def plan(side: BootSide, session: Session) -> Steps:
            if slot is not session.running:
                text = f"slot {slot.value} does not run, and only what runs can prove itself"
                raise SlotError(text, f"slot {session.running.value} runs; boot the other one first")
            return side.plan_commit(session, slot)

        loader = read_loader_status(self._ports.paths.sys / "firmware/efi/efivars")
        log.info("commit slot", extra={"slot": slot.value, "loader": loader.loader, "selected": loader.selected})
        self._carry_out(plan)

    def disarm(self, slot: Slot) -> None:
        """Have the other slot taken from now on."""
        self._carry_out(lambda side, session: side.plan_disarm(session, slot))

    def _carry_out(
        self, plan: Callable[[BootSide, Session], Steps], bundle: Bundle | None = None, say: Say | None = None
    ) -> None:
        """Plan from what is there, then do it. Raises `SlotError`."""
        with self._lock:
            with self._session() as (side, session):
                steps = plan(side, session)
            if steps:
                with self._session(steps) as (_, session):
                    execute(steps, SlotDisk(session.disk.path, session.files), bundle, say)

    @contextmanager
    def _session(self, steps: Steps = ()) -> Iterator[tuple[BootSide, Session]]:
        """Find the disk that runs and mount its FAT for a while: to read all, or to carry out steps. Raises `SlotError`."""
        root_hash = find_root_hash(f"{KEY}={self._ports.cmdline.get(KEY, '')}")
        disk = read_system_disk(self._find_disk(root_hash))
        running = disk.find_running(root_hash)
        if running is None:
            raise SlotError(f"no slot of {disk.path} bears the id of the root that runs", "install the node again")
        side: BootSide = self._tryboot if disk.table.find(BOOT) else self._esp
        devices = side.list_devices(disk)
        try:
            with self._open(_find_written(steps, devices) or devices, read_only=not steps) as files:
                yield side, Session(disk, running, files)
        except OSError as error:
            raise explain(error, f"the boot files on {' and '.join(devices.values())}") from error

    @contextmanager
    def _open(self, devices: Mapping[str, str], *, read_only: bool) -> Iterator[EspPort]:
        """Mount partitions below one directory, each at the name that the paths of its files begin with."""
        base = self._ports.paths.run / "esp"
        with ExitStack() as stack:
            mounted = [
                stack.enter_context(self._mount(device, base / name, read_only=read_only)) for name, device in devices.items()
            ]
            yield mounted[0] if "" in devices else DirectoryEsp(base)

    def _find_disk(self, root_hash: str) -> str:
        """Return the path of the disk that holds the root that runs. Raises `SlotError`."""
        if self._ports.cmdline.get("ophite.root") != "verity" or not root_hash:
            raise SlotError("this node does not run from a slot of a disk", "install it first")
        return find_system_disk(root_id(root_hash), self._ports.paths.sys / "class/block", self._ports.paths.dev)


def _check_room(side: BootSide, session: Session, slot: Slot, bundle: Bundle) -> None:
    check_room(bundle.manifest, session.disk, slot)
    side.check_room(session, slot, bundle.manifest)


def _find_written(steps: Steps, devices: Mapping[str, str]) -> dict[str, str]:
    """Return the partitions whose files steps change; the others stay as they are, down to FAT's mark of being in use."""
    paths = [step.path for step in steps if not isinstance(step, WriteRoot | SetRootId)]
    return {name: device for name, device in devices.items() if any(path.startswith(f"{name}/") or not name for path in paths)}
