"""Volumes that are in use: their marks, their size, their keys, and the end of those that nobody wants any more.

What is in use stays in use, whatever fails here: a failure is a remark in the status. It is looked at once per start of the
brain, and again when the wish or the disk has changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from controllers.block import volume_close, volume_plan
from controllers.block.kernel import InUse
from controllers.block.volume_facts import find_encryption, keys_of
from controllers.block.volume_locate import Facts
from controllers.block.volume_run import FAULTS, Keys, StepRunner, explain, no_keys
from controllers.block.volume_status import find_place, used_status
from controllers.block.volume_steps import EncryptClose, EncryptSync, Step, Unmount
from controllers.config.documents.encryption import Encryption
from controllers.resources.block import DiscoveredVolume, Disk, VolumeKind, VolumePhase, VolumeSpec, VolumeStatus
from controllers.runtime.controller import View

KEYS_RETRY = 60.0
"""Seconds after which keys are tried again that could not be set."""
KEPT = "is not in the configuration any more; its data stay where they are"


class VolumeKeeper:
    """Looks after what is in use."""

    def __init__(self, run: StepRunner) -> None:
        self._run = run
        self._seen: dict[str, tuple[VolumeSpec, int]] = {}
        self._errors: dict[str, str] = {}
        self._keys: dict[str, Encryption] = {}
        self._keys_due: dict[str, float] = {}
        self._keys_asked: set[str] = set()
        self._key_errors: dict[str, str] = {}

    def note_brought(self, spec: VolumeSpec, disk: Disk, keys: Encryption | None) -> None:
        """Remember that a volume has just been brought into use and needs no look. In: `keys` that its slots have now."""
        self._seen[spec.label] = (spec, disk.size)
        if keys is not None:
            self._keys[spec.label] = keys

    async def keep(self, view: View, spec: VolumeSpec, used: InUse, facts: Facts) -> VolumeStatus:
        """Look after one volume; return its status."""
        place = find_place(spec, used, facts.volumes)
        disk = facts.disks.get(place.parent) if place else None
        status = used_status(spec, used, place.parent if place else "", _find_remark(spec, used))
        if disk is None or place is None or not facts.configured or spec.kind is VolumeKind.EXISTING:
            return status
        if self._seen.get(spec.label) != (spec, disk.size):
            self._seen[spec.label] = (spec, disk.size)
            self._errors[spec.label] = await self._maintain(spec, disk)
        if status.encrypted:
            await self._sync_keys(view, spec.label, place)
        errors = [found for found in (self._errors.get(spec.label), self._key_errors.get(spec.label)) if found]
        return msgspec.structs.replace(status, error="; ".join(errors) or status.error)

    async def drop(self, spec: VolumeSpec, used: InUse) -> str:
        """End the use of a volume that has to begin anew; return what is in the way, or ""."""
        steps: list[Step] = [Unmount(used.target, lazily=used.gone)] if used.target else []
        steps += [EncryptClose(spec.label)] if volume_close.is_encrypted(used, spec.label) else []
        self._seen.pop(spec.label, None)
        return await self._try(steps, no_keys)

    async def close(self, label: str, used: InUse | None, before: VolumeStatus | None) -> VolumeStatus:
        """End the use of a volume that is not wanted any more; return its status."""
        encrypted = (before is not None and before.encrypted) or (used is not None and volume_close.is_encrypted(used, label))
        error = await self._try(volume_close.plan_close(label, used, encrypted), no_keys)
        kind = volume_close.kind_of(label)
        status = before or VolumeStatus(
            phase=VolumePhase.READY,
            kind=kind,
            device=used.source if used else "",
            mount_point=used.target if used else "",
            size=used.size if used else 0,
        )
        self._forget(label)
        if error:
            hint = "stop what uses it"
            return msgspec.structs.replace(status, phase=VolumePhase.FAILED, error=f"{KEPT}, but it is in use: {error}; {hint}")
        return msgspec.structs.replace(status, phase=VolumePhase.CLOSED, mounted=False, error=KEPT)

    async def _maintain(self, spec: VolumeSpec, disk: Disk) -> str:
        """Mark and grow; return what went wrong, or ""."""
        try:
            state = await asyncio.to_thread(self._run.disks.inspect, disk.path, disk.size, disk.sector_size, disk.read_only)
        except FAULTS as error:
            return f"{disk.path}: {explain(error)}"
        return await self._try(volume_plan.plan_upkeep(spec, state).steps, no_keys)

    async def _sync_keys(self, view: View, label: str, place: DiscoveredVolume) -> None:
        """Make the key slots those of the configuration; a round later, since deriving keys takes seconds."""
        encryption = find_encryption(view, label)
        if encryption is None or self._keys.get(label) == encryption:
            return
        due = self._keys_due.setdefault(label, view.now)
        if due > view.now or label not in self._keys_asked:
            self._keys_asked.add(label)
            view.wake_after(max(due - view.now, 0.0))
            return
        error = await self._try([EncryptSync(place.path, label, place.partition_uuid)], keys_of(view, label))
        self._key_errors[label] = error
        if error:
            self._keys_due[label] = view.now + KEYS_RETRY
            view.wake_after(KEYS_RETRY)
            return
        self._keys[label] = encryption
        self._keys_due.pop(label)
        self._keys_asked.discard(label)

    def _forget(self, label: str) -> None:
        for kept in (self._seen, self._errors, self._keys, self._keys_due, self._key_errors):
            kept.pop(label, None)
        self._keys_asked.discard(label)

    async def _try(self, steps: Iterable[Step] | Sequence[Step], keys: Keys) -> str:
        """Carry out steps; return what went wrong, or ""."""
        for step in steps:
            try:
                await self._run.run(step, keys)
            except FAULTS as error:
                return f"cannot {step.describe()}: {explain(error)}"
        return ""


def _find_remark(spec: VolumeSpec, used: InUse) -> str:
    """Return what is to be said of a volume although it works."""
    if spec.encrypted and not volume_close.is_encrypted(used, spec.label):
        return volume_plan.not_encrypted(used.source)
    return f"{used.source} is mounted read-only" if used.read_only and not spec.read_only else ""
