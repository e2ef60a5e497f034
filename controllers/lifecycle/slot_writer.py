"""Writing a slot: a table of describable steps, each on the disk before the next begins, and a hash read back of each.

The order is that of docs/lifecycle.md: whatever step the power fails in, the slot that runs boots as before, because the first
step takes away all that could boot the other one, and only a step that comes after these (`entries.plan_arm`) brings it back.
`plan_write` is pure; `execute` carries steps out through a port. Whatever fails is a `SlotError` that says where, and why that
may be: the disk gone, full, or read-only.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from controllers.block import gpt
from controllers.lifecycle import grubenv
from controllers.lifecycle.bundle import ROOT, Bundle, Manifest, Say
from controllers.lifecycle.entries import (
    BootState,
    Entry,
    EntryStep,
    RemoveFile,
    WriteEnvironment,
    WriteFile,
    plan_commit,
    plan_disarm,
)
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.esp import EspPort
from controllers.lifecycle.layout import NEW, Slot, render_boot_cfg
from controllers.lifecycle.slots import boot_parts, root_id

REASONS = {
    errno.ENOSPC: ("it is full", "remove from the ESP what is not Ophite's"),
    errno.EROFS: ("it is read-only", "see the kernel's log: a damaged file system or a disk that refuses writes"),
    errno.EPERM: ("it is read-only", "see the kernel's log: a disk that refuses writes"),
    errno.EACCES: ("it is read-only", "see the kernel's log: a disk that refuses writes"),
    errno.EIO: ("the disk does not answer, or is damaged", "check the disk and its cable"),
    errno.ENODEV: ("the disk is gone", "check the disk and its cable"),
    errno.ENXIO: ("the disk is gone", "check the disk and its cable"),
    errno.ENOENT: ("it is not there", "check the disk and its cable"),
    errno.EBUSY: ("somebody uses it", "a slot that runs is never written; reboot, and try again"),
}


class SlotPlace(Protocol):
    """A disk with slots. All raise `OSError` or `SlotError`; what writes has reached the disk when it returns."""

    @property
    def esp(self) -> EspPort:
        """Its ESP."""
        ...

    def write_root(self, slot: Slot, chunks: Iterable[bytes]) -> None:
        """Write the root partition of a slot from its beginning."""
        ...

    def hash_root(self, slot: Slot, size: int) -> str:
        """Return the SHA-256 of the first `size` bytes of a root partition, as they are on the disk."""
        ...

    def set_root_id(self, slot: Slot, uuid: UUID) -> None:
        """Set the GPT unique id of a root partition."""
        ...


@dataclass(frozen=True, slots=True)
class WriteRoot:
    """Copy the root image into a root partition and read it back."""

    slot: Slot
    sha256: str
    size: int

    def describe(self) -> str:
        """Say what is done."""
        return f"write {self.slot.root_label}"


@dataclass(frozen=True, slots=True)
class SetRootId:
    """Give a root partition the id by which the initramfs finds it."""

    slot: Slot
    uuid: UUID

    def describe(self) -> str:
        """Say what is done."""
        return f"set the id of {self.slot.root_label} to {self.uuid}"


@dataclass(frozen=True, slots=True)
class CopyPart:
    """Copy a part of the bundle to the ESP: under another name, read back, then renamed."""

    part: str
    path: str
    sha256: str
    size: int

    def describe(self) -> str:
        """Say what is done."""
        return f"write {self.path}"


Step = EntryStep | WriteRoot | SetRootId | CopyPart


def plan_write(state: BootState, manifest: Manifest, slot: Slot, command_line: str, running: Entry) -> tuple[Step, ...]:
    """Return steps 1 to 4: the slot holds the version of the bundle afterwards, and nothing boots it yet.

    In: `command_line`, with everything on it; `running`, the entry to write for the slot that runs if the ESP has none.
    Raises `SlotError` when the slot that runs could not come back.
    """
    if running.slot is slot:
        raise SlotError(f"slot {slot.value} runs and is not written", "the other slot is the one for a new version")
    kept: tuple[EntryStep, ...] = () if state.names(running.slot) else plan_commit(state, running)
    if kept:
        repaired = replace(running, generation=state.next_generation, tries=None, failed=0)
        state = BootState({**state.files, repaired.file_name: repaired.render()}, state.environment)
    part = manifest.files[ROOT]
    return (
        *kept,
        *plan_disarm(state, slot),
        WriteRoot(slot, part.sha256, part.size),
        SetRootId(slot, root_id(manifest.root_hash)),
        *plan_boot_files(manifest, slot, command_line),
    )


def plan_boot_files(manifest: Manifest, slot: Slot, command_line: str) -> tuple[Step, ...]:
    """Return the steps that put a slot's UKI and its files for GRUB on the ESP, the old ones gone first."""
    removed = [RemoveFile(path, "makes room") for old in slot.boot_files for path in (old, old + NEW)]
    copied = [
        CopyPart(part, slot.uki if place == "uki" else slot.bios_file(place), found.sha256, found.size)
        for part, place in boot_parts(manifest).items()
        for found in (manifest.files[part],)
    ]
    bios = [WriteFile(slot.bios_file("boot.cfg"), render_boot_cfg(slot, command_line).encode(), "how GRUB starts it")]
    return (*removed, *copied, *(bios if len(copied) > 1 else []))


def execute(steps: Iterable[Step], place: SlotPlace, bundle: Bundle | None = None, say: Say | None = None) -> None:
    """Carry out steps in order. In: `bundle`, where the parts come from; `say`, told what is done and how much of all.

    Raises `SlotError`, `BundleError`; nothing after the failed step was done.
    """
    steps = tuple(steps)
    meter = _Meter(sum(_weight(step) for step in steps), say)
    for step in steps:
        meter.begin(step.describe())
        try:
            _execute(step, place, bundle, meter)
        except OSError as error:
            raise explain(error, step.describe()) from error
        except gpt.GptError as error:
            raise SlotError(f"{step.describe()}: {error}", "see `ophite get disks`") from error


def explain(error: OSError, what: str) -> SlotError:
    """Return the error for the user."""
    reason, hint = REASONS.get(error.errno or 0, ("", "see the kernel's log: `ophite dmesg`"))
    text = error.strerror or str(error)
    return SlotError(f"{what}: {reason} ({text})" if reason else f"{what}: {text}", hint)


def _execute(step: Step, place: SlotPlace, bundle: Bundle | None, meter: _Meter) -> None:
    match step:
        case WriteRoot():
            place.write_root(step.slot, meter.count(_read(bundle, ROOT)))
            _check_hash(place.hash_root(step.slot, step.size), step.sha256, step.describe())
        case SetRootId():
            place.set_root_id(step.slot, step.uuid)
        case CopyPart():
            place.esp.write(step.path + NEW, meter.count(_read(bundle, step.part)))
            _check_hash(place.esp.hash_stored(step.path + NEW), step.sha256, step.describe())
            place.esp.rename(step.path + NEW, step.path)
        case RemoveFile():
            place.esp.remove(step.path)
        case WriteEnvironment() if place.esp.find_size(step.path) == grubenv.SIZE:
            place.esp.overwrite(step.path, step.data)
        case WriteFile() | WriteEnvironment():
            place.esp.write(step.path + NEW, [step.data])
            place.esp.rename(step.path + NEW, step.path)


def _read(bundle: Bundle | None, part: str) -> Iterator[bytes]:
    if bundle is None:
        raise SlotError(f"there is no bundle to take {part} from", "open the bundle first")
    return bundle.read(part)


def _check_hash(found: str, wanted: str, what: str) -> None:
    if found != wanted:
        raise SlotError(f"{what}: what was read back is not what was written", "the disk is damaged: replace it")


def _weight(step: Step) -> int:
    return step.size if isinstance(step, WriteRoot | CopyPart) else 1


class _Meter:
    """Tells how much of all is done."""

    def __init__(self, total: int, say: Say | None) -> None:
        self._total, self._done, self._say, self._text = max(total, 1), 0, say, ""

    def begin(self, text: str) -> None:
        """A step begins."""
        self._text = text
        self._tell()

    def count(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass chunks through."""
        for chunk in chunks:
            yield chunk
            self._done += len(chunk)
            self._tell()

    def _tell(self) -> None:
        if self._say is not None:
            self._say(self._text, min(self._done / self._total, 1.0))
