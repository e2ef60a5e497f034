"""The boot side of a Raspberry Pi: the firmware reads `autoboot.txt` of BOOT and boots BOOT-A or BOOT-B (docs/boards.md).

Arming writes nothing: the reboot carries `SlotStatus.argument`, the firmware forgets the flag before it starts the slot, and
whatever ends that boot leads to the slot that `autoboot.txt` names. So only a commit writes that file, or what mends it.
Trap: the firmware keeps no account of a try; a slot that is not named and does not run may have been tried or not.
Sources: Raspberry Pi documentation, config.txt: "autoboot.txt", "Fail-safe OS updates (TRYBOOT)".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from controllers.lifecycle import autoboot
from controllers.lifecycle.boot_side import Session
from controllers.lifecycle.bundle import BOOT_PART, Bundle, Manifest
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.layout import Slot
from controllers.lifecycle.running import find_root_hash
from controllers.lifecycle.slot_writer import OverwriteFile, RemoveFile, Step, Steps, WriteFile, plan_copy, plan_root
from controllers.lifecycle.slots import SystemDisk, check_file_room, check_slot
from controllers.lifecycle.tryboot import ARGUMENT, Board
from controllers.lifecycle.uki import ROOT_HASH
from controllers.resources.lifecycle import SlotStatus

BOOT, AUTOBOOT = "BOOT", "BOOT/autoboot.txt"
CONFIG, COMMAND_LINE, LIMIT = "config.txt", "cmdline.txt", 16 * 1024
LAST = 2
DIRECTORIES = ("", "overlays/")
"""Where the files of a slot are, below its partition."""
VERSION = re.compile(r"# Ophite ([0-9A-Za-z.+~_-]{1,64})\s")
"""How its config.txt begins."""


class TrybootSide:
    """Keeps `BootSide`. In: `board`, what must be true of the machine for a try."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def list_devices(self, disk: SystemDisk) -> Mapping[str, str]:
        """Keep `BootSide.list_devices`."""
        return {name: disk.get_device(name) for name in (BOOT, *(slot.boot_label for slot in Slot))}

    def look(self, session: Session, slot: Slot) -> SlotStatus:
        """Keep `BootSide.look`. The slot that runs and is not named by `autoboot.txt` is on trial."""
        command_line, config = (_read(session, slot, name) for name in (COMMAND_LINE, CONFIG))
        root_hash, named = find_root_hash(command_line), _find_default(session)
        root_hash = root_hash if config and ROOT_HASH.fullmatch(root_hash) else ""
        error = check_slot(session.disk, slot, root_hash, f"{COMMAND_LINE} of {slot.boot_label}")
        if not error and _has_start(session, session.running) and not _has_start(session, slot):
            error = f"it is not complete: {slot.boot_label} has no start*.elf, which is written last"
        version = VERSION.match(config)
        return SlotStatus(
            version=version[1] if version else "",
            root_hash="" if error else root_hash,
            running=slot is session.running,
            next=slot is (named or Slot.A),
            entry=bool(config),
            tries=0 if slot is session.running and named is slot.other else None,
            argument=ARGUMENT,
            error=error,
        )

    def check_room(self, session: Session, slot: Slot, manifest: Manifest) -> None:
        """Keep `BootSide.check_room`."""
        old = (session.files.find_size(path) or 0 for path in _list_files(session, slot))
        new = (manifest.files[name].size for name in _list_parts(manifest))
        check_file_room(new, old, session.files.measure(slot.boot_label), f"{slot.boot_label} of {session.disk.path}")

    def plan_write(self, session: Session, slot: Slot, bundle: Bundle, words: tuple[str, ...]) -> Steps:
        """Keep `BootSide.plan_write`."""
        kept = _plan_return(session, slot)
        removed = [RemoveFile(path, "it is replaced") for path in _list_files(session, slot)]
        copied: list[Step] = [_plan_copy(bundle, slot, name, words) for name in _list_parts(bundle.manifest)]
        return (*kept, *removed, *plan_root(bundle.manifest, slot), *copied)

    def plan_arm(self, session: Session, slot: Slot, version: str) -> Steps:
        """Keep `BootSide.plan_arm`: nothing is written when all is well."""
        self._board.check()
        return _plan_return(session, slot)

    def plan_commit(self, session: Session, slot: Slot) -> Steps:
        """Keep `BootSide.plan_commit`."""
        wanted = autoboot.render(slot)
        if session.files.find_size(AUTOBOOT) == autoboot.SIZE and session.files.read(AUTOBOOT, autoboot.SIZE) == wanted:
            return ()
        return (OverwriteFile(AUTOBOOT, wanted, f"slot {slot.value} boots"),)

    def plan_disarm(self, session: Session, slot: Slot) -> Steps:
        """Keep `BootSide.plan_disarm`: after a try that failed the file names the other slot already."""
        if _find_default(session) is slot.other:
            return ()
        if self.look(session, slot.other).error:
            text = f"slot {slot.value} is the only one that can boot; it is left alone"
            raise SlotError(text, f"slot {slot.other.value} holds no version that could be booted")
        return self.plan_commit(session, slot.other)


def _plan_return(session: Session, slot: Slot) -> Steps:
    """Return the steps after which whatever ends a try of a slot leads to the one that runs; none when that is so.

    Raises `SlotError` when the slot runs, or is the one that the firmware boots without being told: then another one runs that
    has not proved itself.
    """
    if slot is session.running:
        raise SlotError(f"slot {slot.value} runs and is not written", "the other slot is the one for a new version")
    named = _find_default(session)
    if named is slot:
        text = f"slot {slot.value} is what the firmware boots, and slot {slot.other.value} has not proved itself yet"
        raise SlotError(text, "let the version that runs prove itself first")
    if named is slot.other:
        return ()
    return (OverwriteFile(AUTOBOOT, autoboot.render(slot.other), f"it was damaged; slot {slot.other.value} runs"),)


def _find_default(session: Session) -> Slot | None:
    if session.files.find_size(AUTOBOOT) is None:
        return None
    return autoboot.parse(session.files.read(AUTOBOOT, autoboot.SIZE + 1))


def _read(session: Session, slot: Slot, name: str) -> str:
    """Return the beginning of a small file of a slot, "" when it is not there."""
    path = f"{slot.boot_label}/{name}"
    return session.files.read(path, LIMIT).decode("utf-8", "replace") if session.files.find_size(path) else ""


def _list_files(session: Session, slot: Slot) -> list[str]:
    """Return everything in a slot's partition, what makes it bootable first."""
    directories = [f"{slot.boot_label}/{directory}" for directory in DIRECTORIES]
    paths = [f"{place}{name}" for place in directories for name in session.files.list_names(place.rstrip("/"))]
    return sorted(paths, key=lambda path: (-_rank(path), path))


def _has_start(session: Session, slot: Slot) -> bool:
    return any(_rank(name) == LAST for name in session.files.list_names(slot.boot_label))


def _list_parts(manifest: Manifest) -> list[str]:
    """Return the boot files of a bundle, what makes them bootable last."""
    return sorted((name for name in manifest.files if BOOT_PART.fullmatch(name)), key=lambda name: (_rank(name), name))


def _rank(path: str) -> int:
    """Return how much a file makes a partition bootable: start*.elf for most boards, config.txt for a Pi 5, which has none."""
    name = path.rpartition("/")[2]
    return LAST if name.startswith("start") and name.endswith(".elf") else int(name == CONFIG)


def _plan_copy(bundle: Bundle, slot: Slot, name: str, words: tuple[str, ...]) -> Step:
    path = f"{slot.boot_label}/{name.removeprefix('boot/')}"
    if words and path == f"{slot.boot_label}/{COMMAND_LINE}":
        return WriteFile(path, f"{' '.join((bundle.read_command_line(), *words))}\n".encode(), "with arguments of your own")
    return plan_copy(bundle.manifest, name, path)
