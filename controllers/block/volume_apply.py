"""Volumes made real: `VolumeSpec` → partitions, file systems, mounts, swap space → `VolumeStatus`.

For each volume in order: is it in use (`volume_keep`); else find its place (`volume_locate`), inspect the disk, plan
(`volume_plan`), announce, execute. STATE reaches a definite answer (ready, missing, failed) as soon as the disks have been
looked at, because the search for a configuration waits for it. A failure is shown in the volume's own status and tried again
later; the other volumes go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import uuid4

import msgspec

from controllers.block import volume_locate, volume_phases, volume_plan
from controllers.block.discovery import Refresh
from controllers.block.kernel import DiskPort, InUse
from controllers.block.luks import LuksPort
from controllers.block.volume_close import find_orphans
from controllers.block.volume_facts import INPUTS, find_encryption, gather_facts, keys_of
from controllers.block.volume_keep import VolumeKeeper
from controllers.block.volume_locate import Facts, Hold
from controllers.block.volume_plan import SYSTEM, Circumstances, Plan
from controllers.block.volume_run import FAULTS, Keys, StepRunner, explain, no_keys
from controllers.block.volume_status import find_new, find_used, held_status, used_status
from controllers.block.volume_steps import BRING, EncryptSync, Mount, partition_path
from controllers.ports import Ports
from controllers.resources.block import Disk, VolumeKind, VolumePhase, VolumeSpec, VolumeStatus
from controllers.runtime.controller import Controller, Output, View, Wanted

log = logging.getLogger("block")

RETRY = 30.0
ORPHANED = 30.0
"""Seconds (times patience) after the start of the brain in which documents may still appear for what is in use."""
WAKE = {VolumePhase.WAITING: 1.0, VolumePhase.LOCATED: 0.0}
"""Seconds until a volume in this phase is looked at again, if nothing happens before."""


class VolumeApplyController(Controller):
    """`VolumeSpec` → volume in use → `VolumeStatus`."""

    name = "block.VolumeApplyController"
    inputs = INPUTS
    outputs = (Output(VolumeStatus),)
    timeout = 300.0

    def __init__(self, ports: Ports, disks: DiskPort, luks: LuksPort, refresh: Refresh) -> None:
        self._ports = ports
        self._run = StepRunner(disks, luks)
        self._keeper = VolumeKeeper(self._run)
        self._refresh = refresh
        self._since: float | None = None
        self._phases: dict[str, VolumePhase] = {}
        self._announced: set[str] = set()
        self._below = str(ports.paths.var / "mnt")

    async def reconcile(self, view: View) -> Iterable[Wanted]:
        self._since = view.now if self._since is None else self._since
        specs = sorted((one.spec for one in view.list(VolumeSpec)), key=_order)
        facts = gather_facts(view, self._ports, view.now - self._since)
        in_use = self._run.disks.list_in_use({spec.mount_point for spec in specs}, self._below)
        done: dict[str, VolumeStatus] = {}
        for spec in specs:
            status = await self._bring(view, spec, replace(facts, done=done), in_use)
            self._advance(spec.label, status.phase)
            done[spec.label] = status
            if status.phase is not VolumePhase.READY:
                view.wake_after(WAKE.get(status.phase, RETRY))
        closed = {} if facts.namespaces else await self._close_others(view, facts, in_use, done)
        return [Wanted(label, status) for label, status in (done | closed).items()]

    async def _bring(self, view: View, spec: VolumeSpec, facts: Facts, in_use: Sequence[InUse]) -> VolumeStatus:
        """Bring one volume into use, or keep it there; return how far it got."""
        used = find_used(spec, in_use, facts.volumes)
        if used is not None and not facts.namespaces:
            stale = await self._drop_stale(spec, used)
            if stale is not None:
                return stale
            used = None if self._is_stale(spec, used) else used
        if used is not None:
            return await self._keeper.keep(view, spec, used, facts)
        hold = volume_locate.find_hold(spec, facts)
        if hold is not None:
            return held_status(spec, hold)
        if spec.kind is VolumeKind.EXISTING:
            return await self._bring_existing(spec, facts)
        disk = volume_locate.locate_disk(spec, facts)
        if isinstance(disk, Hold):
            return held_status(spec, disk)
        hold = volume_locate.find_module_hold(spec.filesystem, spec.encrypted, facts)
        return held_status(spec, hold) if hold else await self._bring_partition(view, spec, disk, facts)

    async def _bring_existing(self, spec: VolumeSpec, facts: Facts) -> VolumeStatus:
        found = volume_locate.locate_existing(spec, facts)
        if isinstance(found, Hold):
            return held_status(spec, found)
        hold = volume_locate.find_module_hold(found.filesystem, False, facts)
        if hold is not None:
            return held_status(spec, hold)
        mount = Mount(found.path, found.filesystem, spec.mount_point, read_only=spec.read_only)
        return await self._execute(spec, Plan((mount,)), found.path, found.parent, no_keys)

    async def _bring_partition(self, view: View, spec: VolumeSpec, disk: Disk, facts: Facts) -> VolumeStatus:
        blocked = volume_locate.find_blocker(spec, facts) if disk.system else ""
        name = disk.path.rpartition("/")[2]
        try:
            state = await asyncio.to_thread(self._run.disks.inspect, disk.path, disk.size, disk.sector_size, disk.read_only)
            plan = volume_plan.plan(spec, state, Circumstances(facts.configured, uuid4(), blocked))
        except FAULTS as error:
            return held_status(
                spec, Hold(VolumePhase.FAILED, f"{disk.path}: {explain(error)}; nothing on it was changed"), "", name
            )
        device = partition_path(disk.path, plan.number) if plan.number else ""
        if plan.phase is not VolumePhase.READY:
            return held_status(spec, Hold(plan.phase, plan.reason), device, name)
        hold = volume_locate.find_module_hold(spec.filesystem, plan.encrypted, facts)
        if hold is not None:
            return held_status(spec, hold, device, name)
        if plan.makes_something and spec.label not in self._announced:
            self._announced.add(spec.label)  # making a file system takes a while: say so first
            text = "is being set up: " + "; ".join(one.describe() for one in plan.steps)
            return held_status(spec, Hold(VolumePhase.LOCATED, text), device, name)
        status = await self._execute(spec, plan, device, name, keys_of(view, spec.label))
        if spec.kind is VolumeKind.RAW and (place := facts.volumes.get(device.rpartition("/")[2])):
            return msgspec.structs.replace(status, size=place.size)
        if status.phase is VolumePhase.READY and not status.error:
            synced = any(isinstance(step, EncryptSync) for step in plan.steps)
            self._keeper.note_brought(spec, disk, find_encryption(view, spec.label) if synced else None)
        return status

    async def _execute(self, spec: VolumeSpec, plan: Plan, device: str, disk: str, keys: Keys) -> VolumeStatus:
        """Carry out a plan. A step that fails is named; what was brought into use before it is in use all the same."""
        self._advance(spec.label, VolumePhase.LOCATED)
        error = ""
        try:
            for step in plan.steps:
                if isinstance(step, BRING):
                    self._advance(spec.label, VolumePhase.PROVISIONED)
                await self._run.run(step, keys)
        except FAULTS as fault:
            error = f"{spec.label} on {device}: {explain(fault)}"
        finally:
            if plan.makes_something:
                self._refresh.request()
        if spec.kind is VolumeKind.RAW:
            return held_status(
                spec, Hold(VolumePhase.FAILED if error else VolumePhase.READY, error or plan.reason), device, disk
            )
        used = find_new(spec, self._run.disks.list_in_use({spec.mount_point}, self._below), device)
        if used is None:
            return held_status(spec, Hold(VolumePhase.FAILED, error or f"{device} is not in use after all"), device, disk)
        return used_status(spec, used, disk, error or plan.reason)

    def _is_stale(self, spec: VolumeSpec, used: InUse) -> bool:
        """Return whether what is in use has to be given up: its device is gone, or it should be mounted otherwise."""
        return used.gone or (spec.kind is VolumeKind.EXISTING and used.read_only != spec.read_only)

    async def _drop_stale(self, spec: VolumeSpec, used: InUse) -> VolumeStatus | None:
        """Give up what is stale; return a status when that cannot be, else None."""
        if not self._is_stale(spec, used):
            return None
        if spec.label in SYSTEM:
            return held_status(
                spec, Hold(VolumePhase.FAILED, f"{used.source} is gone; attach its disk and reboot"), used.source
            )
        error = await self._keeper.drop(spec, used)
        return held_status(spec, Hold(VolumePhase.FAILED, error), used.source) if error else None

    async def _close_others(
        self, view: View, facts: Facts, in_use: Sequence[InUse], wanted: Mapping[str, VolumeStatus]
    ) -> dict[str, VolumeStatus]:
        """Close what is not wanted any more; return the statuses of those volumes."""
        before = {one.id: one.spec for one in view.own(VolumeStatus) if one.id not in wanted}
        orphans = find_orphans(wanted, in_use, facts.volumes, self._below)
        unknown = orphans.keys() - before.keys()
        assert self._since is not None
        patient = facts.configured and view.now - self._since >= ORPHANED * self._ports.patience
        if unknown and not patient:
            view.wake_after(ORPHANED * self._ports.patience)
        closed = {}
        for label in sorted(before.keys() | (unknown if patient else set())):
            status = before.get(label)
            if status is not None and not status.device and label not in orphans:
                continue  # it never came to be
            if status is None or status.phase is not VolumePhase.CLOSED or label in orphans:
                status = await self._keeper.close(label, orphans.get(label), status)
                self._announced.discard(label)
            if status.phase is not VolumePhase.CLOSED:
                view.wake_after(RETRY)
            self._advance(label, status.phase)
            closed[label] = status
        return closed

    def _advance(self, label: str, phase: VolumePhase) -> None:
        """Note a phase. One that may not follow is a mistake in here, and no reason to leave the node without a disk."""
        before = self._phases.get(label, volume_phases.START)
        if not volume_phases.is_allowed(before, phase):
            log.error("phase of a volume out of order", extra={"volume": label, "before": before, "after": phase})
        self._phases[label] = phase


def _order(spec: VolumeSpec) -> tuple[int, str]:
    """STATE and EPHEMERAL get their places on the system disk before all others."""
    return SYSTEM.index(spec.label) if spec.label in SYSTEM else len(SYSTEM), spec.label
