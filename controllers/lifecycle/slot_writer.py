"""Writing a slot: a table of describable steps, each on the disk before the next begins, and a hash read back of each.

The order is that of docs/lifecycle.md: whatever step the power fails in, the slot that runs boots as before. `BootSide` plans
the steps, `execute` carries them out through a port. Whatever fails is a `SlotError` that says where, and why that may be: the
disk gone, full, or read-only.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol
from uuid import UUID

from controllers.block import gpt
from controllers.lifecycle.bundle import ROOT, Bundle, Manifest, Say
from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.esp import EspPort
from controllers.lifecycle.layout import NEW, Slot
from controllers.lifecycle.slots import root_id

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
        """The files that its slots are booted from."""
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
class WriteFile:
    """Write a small file under a name of its own, read it back, and give it its name."""

    path: str
    data: bytes
    reason: str

    def describe(self) -> str:
        """Say what is done."""
        return f"write {self.path}: {self.reason}"


@dataclass(frozen=True, slots=True)
class OverwriteFile:
    """Write over a file of the same size in place: what changes is one sector, so that a power cut leaves the old or the new
    one. A file of another size, which no boot loader would take either, is written anew.
    """

    path: str
    data: bytes
    reason: str

    def describe(self) -> str:
        """Say what is done."""
        return f"write {self.path}: {self.reason}"


@dataclass(frozen=True, slots=True)
class RemoveFile:
    """Remove a file, if it is there."""

    path: str
    reason: str

    def describe(self) -> str:
        """Say what is done."""
        return f"remove {self.path}: {self.reason}"


@dataclass(frozen=True, slots=True)
class CopyPart:
    """Copy a part of the bundle to a file: under another name, read back, then renamed."""

    part: str
    path: str
    sha256: str
    size: int

    def describe(self) -> str:
        """Say what is done."""
        return f"write {self.path}"


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


FileStep = WriteFile | OverwriteFile | RemoveFile | CopyPart
Step = FileStep | WriteRoot | SetRootId
Steps = tuple[Step, ...]


def plan_copy(manifest: Manifest, part: str, path: str) -> CopyPart:
    """Return the step that copies a part of the bundle to a file."""
    found = manifest.files[part]
    return CopyPart(part, path, found.sha256, found.size)


def plan_root(manifest: Manifest, slot: Slot) -> Steps:
    """Return the steps after which a root partition holds the bundle's root, and the initramfs finds it."""
    part = manifest.files[ROOT]
    return (WriteRoot(slot, part.sha256, part.size), SetRootId(slot, root_id(manifest.root_hash)))


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
            _store(place.esp, step, meter.count(_read(bundle, step.part)), step.sha256)
        case RemoveFile():
            place.esp.remove(step.path)
        case OverwriteFile() if place.esp.find_size(step.path) == len(step.data):
            place.esp.overwrite(step.path, step.data)
            _check_hash(place.esp.hash_stored(step.path), sha256(step.data).hexdigest(), step.describe())
        case WriteFile() | OverwriteFile():
            _store(place.esp, step, [step.data], sha256(step.data).hexdigest())


def _store(files: EspPort, step: FileStep, chunks: Iterable[bytes], wanted: str) -> None:
    """Write a file under another name, read it back, and give it its name."""
    files.write(step.path + NEW, chunks)
    _check_hash(files.hash_stored(step.path + NEW), wanted, step.describe())
    files.rename(step.path + NEW, step.path)


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
