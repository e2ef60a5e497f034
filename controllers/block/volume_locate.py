"""Where a volume is or shall be, and what it has to wait for: pure, from what was discovered.

A volume that exists is found by the name of its partition; only one that has to be made needs the selector's one disk.
Every answer is either a place or a phase with a reason that a user can act on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from controllers.block import superblocks
from controllers.block.disk_usage import is_volume
from controllers.block.filesystems import FILESYSTEMS
from controllers.block.volume_plan import STATE, SYSTEM
from controllers.resources.block import DiscoveredVolume, Disk, VolumePhase, VolumeSpec, VolumeStatus
from controllers.resources.machine import KernelModuleStatus
from controllers.resources.reset import ResetHold

SHOWN = 8


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a volume goes no further."""

    phase: VolumePhase
    reason: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at one moment, by kernel name or id.

    `settled`: every device has been looked at, and new ones had their time to appear. `installing`: the node runs from memory
    and is about to be installed on a disk. `done`: the statuses of the volumes before this one.
    """

    disks: Mapping[str, Disk] = field(default_factory=dict)
    volumes: Mapping[str, DiscoveredVolume] = field(default_factory=dict)
    modules: Mapping[str, KernelModuleStatus] = field(default_factory=dict)
    settled: bool = False
    configured: bool = False
    installing: bool = False
    reset: ResetHold | None = None
    namespaces: bool = False
    done: Mapping[str, VolumeStatus] = field(default_factory=dict)


def find_hold(spec: VolumeSpec, facts: Facts) -> Hold | None:
    """Return what a volume that is not in use waits for before anything is looked up, or None."""
    if facts.namespaces:
        where = f"at {spec.mount_point}" if spec.mount_point else f"for {spec.label}"
        text = f"nothing is there {where}: this node has no disks of its own; whoever started it has to provide it"
        return Hold(VolumePhase.MISSING, text)
    if facts.installing:
        return Hold(VolumePhase.MISSING, "waits for the installation")
    if facts.reset is None:
        return Hold(VolumePhase.WAITING, "waits for META, which says whether a reset is under way")
    if facts.reset.held and not (spec.label == STATE and facts.reset.state_stays):
        return Hold(VolumePhase.MISSING, f"is left alone: {facts.reset.reason}")
    if not facts.configured and spec.label != STATE:
        return Hold(VolumePhase.MISSING, "waits for a complete configuration")
    below_var = spec.label not in SYSTEM and bool(spec.mount_point)
    if below_var and not _is_ready("EPHEMERAL", facts):
        return Hold(VolumePhase.WAITING, f"waits for EPHEMERAL, where {spec.mount_point} is")
    return None


def find_module_hold(filesystem: str, encrypted: bool, facts: Facts) -> Hold | None:
    """Return a hold while the kernel cannot mount a file system yet, or cannot decrypt."""
    known = FILESYSTEMS.get(filesystem)
    for name in ([known.module] if known else []) + (["dm_crypt"] if encrypted else []):
        module = facts.modules.get(name)
        if module is None:
            return Hold(VolumePhase.WAITING, f"waits for the kernel module {name}")
        if module.state == "failed":
            return Hold(VolumePhase.FAILED, f"the kernel module {name} cannot be loaded: {module.error}")
    return None


def find_blocker(spec: VolumeSpec, facts: Facts) -> str:
    """Return the volume that has to have its place on the system disk before this one is made there, or ""."""
    before = SYSTEM[: SYSTEM.index(spec.label)] if spec.label in SYSTEM else SYSTEM
    return next((label for label in before if not _is_ready(label, facts)), "")


def locate_disk(spec: VolumeSpec, facts: Facts) -> Disk | Hold:
    """Return the disk of a volume that is a partition."""
    disks = facts.disks
    if spec.system:
        system = next((disk for disk in disks.values() if disk.system), None)
        return system or _unsettled(facts) or Hold(VolumePhase.MISSING, explain_missing(list(disks.values()), facts.volumes))
    holders = {one.parent for one in facts.volumes.values() if one.partition_label == spec.label}
    found = [disks[name] for name in spec.disks if name in holders and name in disks]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(disk.path for disk in found)
        return Hold(VolumePhase.FAILED, f"several disks have a partition {spec.label}: {names}; detach or wipe all but one")
    hold = _unsettled(facts)
    if hold is not None:
        return hold
    matching = [disks[name] for name in spec.disks if name in disks]
    return matching[0] if len(matching) == 1 else Hold(VolumePhase.FAILED, spec.problem or "its disk is gone; attach it")


def locate_existing(spec: VolumeSpec, facts: Facts) -> DiscoveredVolume | Hold:
    """Return the one file system that an existing volume's selector means."""
    candidates = [one for one in facts.volumes.values() if one.filesystem and not is_volume(one.partition_label)]
    found = [one for one in candidates if _is_meant(spec, one)]
    mountable = [one for one in found if one.filesystem in FILESYSTEMS]
    if len(mountable) == 1:
        return mountable[0]
    hold = _unsettled(facts)
    if hold is not None:
        return hold
    if found and not mountable:
        what = f"{found[0].path} holds {superblocks.describe(found[0].filesystem)}"
        return Hold(VolumePhase.FAILED, f"{what}, which cannot be mounted; {', '.join(FILESYSTEMS)} can")
    count = f"{len(mountable)} file systems match" if mountable else "no file system matches"
    there = [_describe_volume(one) for one in candidates if one.filesystem in FILESYSTEMS]
    more = f"; and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
    return Hold(VolumePhase.FAILED, f"{count}; there are: {'; '.join(there[:SHOWN]) or 'none'}{more}")


def explain_missing(disks: Sequence[Disk], volumes: Mapping[str, DiscoveredVolume]) -> str:
    """Return why no disk can be the system disk, naming each."""
    if not disks:
        return "no disk was found; attach one"
    return "no usable disk: " + "; ".join(f"{disk.path}: {_explain(disk, volumes)}" for disk in disks[:SHOWN])


def _explain(disk: Disk, volumes: Mapping[str, DiscoveredVolume]) -> str:
    if disk.read_only:
        return "read-only"
    if disk.removable:
        return "removable"
    own = volumes.get(disk.path.rpartition("/")[2])
    if own is not None and own.error:
        return own.error
    return f"holds {disk.holds}" if disk.holds else "not looked at yet" if own is None else "not chosen"


def _is_ready(label: str, facts: Facts) -> bool:
    status = facts.done.get(label)
    return status is not None and status.phase is VolumePhase.READY


def _unsettled(facts: Facts) -> Hold | None:
    return None if facts.settled else Hold(VolumePhase.WAITING, "waits for the disks")


def _is_meant(spec: VolumeSpec, volume: DiscoveredVolume) -> bool:
    pairs = (
        (spec.match.label, volume.label),
        (spec.match.uuid.lower(), volume.uuid.lower()),
        (spec.match.partition_label, volume.partition_label),
    )
    return all(not wanted or wanted == value for wanted, value in pairs)


def _describe_volume(volume: DiscoveredVolume) -> str:
    facts = (("label", volume.label), ("uuid", volume.uuid), ("partition label", volume.partition_label))
    return f"{volume.path} ({', '.join([volume.filesystem, *(f'{name} {value}' for name, value in facts if value)])})"
