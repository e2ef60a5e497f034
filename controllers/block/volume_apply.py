"""Volumes made real: `VolumeSpec` and the system disk → partitions, file systems, mounts → `VolumeStatus`.

For each volume in order: is it mounted; else inspect the disk, plan, announce, execute. STATE reaches a definite answer (ready,
missing, failed) as soon as the disks have been looked at, because the search for a configuration waits for it. The plan
decides what may be done (`volume_plan`); a failure of one step is shown in the status and tried again later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from uuid import uuid4

import msgspec

from controllers.block import gpt, sysfs, volume_plan
from controllers.block.discovery import Refresh
from controllers.block.kernel import DiskPort, partition_path
from controllers.machine.programs import ProgramError
from controllers.ports import Ports
from controllers.resources.block import BlockDevice, DiscoveredVolume, Disk, VolumePhase, VolumeSpec, VolumeStatus
from controllers.resources.machine import ConfigStatus, KernelModuleStatus, PlatformInfo
from controllers.runtime.controller import Controller, Input, Output, View, Wanted

SETTLE = 3.0
"""Seconds (times patience) in which a disk may still appear before the answer is "no disk"."""
RETRY = 30.0
WAKE = {VolumePhase.WAITING: 1.0, VolumePhase.LOCATED: 0.0}
ORDER = ("STATE", "EPHEMERAL")


class VolumeApplyController(Controller):
    """`VolumeSpec` → mounted volume → `VolumeStatus`."""

    name = "block.VolumeApplyController"
    inputs = (
        Input(VolumeSpec),
        Input(BlockDevice),
        Input(DiscoveredVolume),
        Input(Disk),
        Input(ConfigStatus, id="config"),
        Input(PlatformInfo, id="platform"),
        Input(KernelModuleStatus, id="ext4"),
    )
    outputs = (Output(VolumeStatus),)
    timeout = 300.0

    def __init__(self, ports: Ports, disks: DiskPort, refresh: Refresh) -> None:
        self._sys = ports.paths.sys
        self._patience = ports.patience
        self._disks = disks
        self._refresh = refresh
        self._since: float | None = None
        self._announced: set[str] = set()

    async def reconcile(self, view: View) -> Iterable[Wanted]:
        self._since = view.now if self._since is None else self._since
        specs = sorted((one.spec for one in view.list(VolumeSpec)), key=lambda spec: (spec.label not in ORDER[:1], spec.label))
        namespaces = view.get(PlatformInfo, "platform").spec.platform == "namespaces"
        wanted: list[Wanted] = []
        blocked = ""
        for spec in specs:
            status = self._find_mounted(spec)
            if status is None and namespaces:
                text = f"nothing is mounted at {spec.mount_point}; whoever started this node has to provide it"
                status = _status(spec, VolumePhase.MISSING, text)
            if status is None:
                status = await self._provide(view, spec, blocked)
            if status.phase is not VolumePhase.READY:
                blocked = blocked or spec.label
                view.wake_after(WAKE.get(status.phase, RETRY))
            wanted.append(Wanted(spec.label, status))
        return wanted

    def _find_mounted(self, spec: VolumeSpec) -> VolumeStatus | None:
        source = self._disks.find_mount(spec.mount_point)
        if source is None:
            return None
        size = sysfs.read_number(self._sys / "class/block" / source.rpartition("/")[2] / "size") * sysfs.SECTOR
        return VolumeStatus(phase=VolumePhase.READY, mount_point=spec.mount_point, device=source, size=size, mounted=True)

    async def _provide(self, view: View, spec: VolumeSpec, blocked: str) -> VolumeStatus:
        """Locate, make and mount one volume that is not mounted; return how far it got."""
        disk = next((one.spec for one in view.list(Disk) if one.spec.system), None)
        if disk is None:
            return self._without_disk(view, spec)
        if view.find(KernelModuleStatus, spec.filesystem) is None:
            return _status(spec, VolumePhase.WAITING, f"waits for the kernel module {spec.filesystem}")
        config = view.find(ConfigStatus, "config")
        configured = config is not None and config.spec.complete
        if configured and blocked:
            return _status(spec, VolumePhase.WAITING, f"waits for {blocked}")
        try:
            return await self._carry_out(spec, disk, configured)
        except gpt.GptError as error:
            return _status(spec, VolumePhase.FAILED, f"{disk.path}: {error}; it is left alone")
        except (OSError, ProgramError) as error:
            reason = f"{spec.label} on {disk.path}: {error}"
            mounted = self._find_mounted(spec)  # growing or marking failed: it works, and is tried again at the next boot
            return msgspec.structs.replace(mounted, error=reason) if mounted else _status(spec, VolumePhase.FAILED, reason)

    def _without_disk(self, view: View, spec: VolumeSpec) -> VolumeStatus:
        devices = [one.spec for one in view.list(BlockDevice)]
        looked = {one.id for one in view.list(DiscoveredVolume)}
        assert self._since is not None
        late = view.now - self._since >= SETTLE * self._patience
        if not late or not all(one.name in looked for one in devices):
            return _status(spec, VolumePhase.WAITING, "waits for the disks")
        found = [one.spec for one in view.list(DiscoveredVolume)]
        return _status(spec, VolumePhase.MISSING, explain_missing([one.spec for one in view.list(Disk)], found))

    async def _carry_out(self, spec: VolumeSpec, disk: Disk, configured: bool) -> VolumeStatus:
        sector = sysfs.sector_size(self._sys, disk.path.rpartition("/")[2])
        state = await asyncio.to_thread(self._disks.inspect, disk.path, disk.size, sector, disk.read_only)
        plan = volume_plan.plan(spec, state, configured=configured, new_uuid=uuid4())
        if len(plan.steps) > 1 and spec.label not in self._announced:
            self._announced.add(spec.label)  # making a file system takes a while: say so first
            return _status(spec, VolumePhase.LOCATED, "is being set up: " + "; ".join(one.describe() for one in plan.steps))
        try:
            for step in plan.steps:
                await self._disks.execute(step)
        finally:
            if len(plan.steps) > 1:
                self._refresh.request()
        device = partition_path(disk.path, plan.number) if plan.number else ""
        if plan.phase is not VolumePhase.READY:
            return _status(spec, plan.phase, plan.reason, device)
        return self._find_mounted(spec) or _status(spec, VolumePhase.FAILED, f"{device} is not mounted after all", device)


def explain_missing(disks: Sequence[Disk], volumes: Sequence[DiscoveredVolume]) -> str:
    """Return why no disk can be used, naming each."""
    if not disks:
        return "no disk was found; attach one"
    return "no usable disk: " + "; ".join(f"{disk.path}: {_describe(disk, volumes)}" for disk in disks[:8])


def _describe(disk: Disk, volumes: Sequence[DiscoveredVolume]) -> str:
    if disk.read_only:
        return "read-only"
    if disk.removable:
        return "removable"
    own = next((one for one in volumes if one.path == disk.path), None)
    if own is not None and own.error:
        return own.error
    parts = [one for one in volumes if one.parent and one.parent == disk.path.rpartition("/")[2]]
    if parts:
        return f"{len(parts)} foreign partitions"
    return f"holds {own.filesystem}" if own is not None and own.filesystem else "not empty"


def _status(spec: VolumeSpec, phase: VolumePhase, error: str, device: str = "") -> VolumeStatus:
    return VolumeStatus(phase=phase, mount_point=spec.mount_point, device=device, error=error)
