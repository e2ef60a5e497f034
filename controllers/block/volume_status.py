"""How far a volume got, from what is in use on the machine: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controllers.block.kernel import InUse
from controllers.block.luks import mapper_name, mapper_path
from controllers.block.volume_locate import Hold
from controllers.resources.block import DiscoveredVolume, VolumeKind, VolumePhase, VolumeSpec, VolumeStatus


def held_status(spec: VolumeSpec, hold: Hold, device: str = "", disk: str = "") -> VolumeStatus:
    """Return the status of a volume that is not in use, with the reason."""
    return VolumeStatus(
        phase=hold.phase, kind=spec.kind, mount_point=spec.mount_point, device=device, disk=disk, error=hold.reason
    )


def used_status(spec: VolumeSpec, used: InUse, disk: str, remark: str = "") -> VolumeStatus:
    """Return the status of a volume that is in use. In: `remark`, what is to be said although it works."""
    return VolumeStatus(
        phase=VolumePhase.READY,
        kind=spec.kind,
        mount_point=spec.mount_point,
        device=used.source,
        disk=disk,
        size=used.size,
        mounted=bool(used.target),
        encrypted=used.source == mapper_path(mapper_name(spec.label)),
        error=remark,
    )


def find_used(spec: VolumeSpec, in_use: Iterable[InUse], volumes: Mapping[str, DiscoveredVolume]) -> InUse | None:
    """Return the mount or the swap space of a volume, or None."""
    if spec.kind is VolumeKind.RAW:
        return None
    if spec.kind is VolumeKind.SWAP:
        paths = {one.path for one in volumes.values() if one.partition_label == spec.label}
        return next((one for one in in_use if not one.target and one.source in paths), None)
    return next((one for one in in_use if one.target == spec.mount_point), None)


def find_new(spec: VolumeSpec, in_use: Iterable[InUse], device: str) -> InUse | None:
    """Return what has just been brought into use, or None. In: `device`, the partition."""
    if spec.kind is VolumeKind.SWAP:
        return next((one for one in in_use if not one.target and one.source == device), None)
    return next((one for one in in_use if one.target == spec.mount_point), None)


def find_place(spec: VolumeSpec, used: InUse, volumes: Mapping[str, DiscoveredVolume]) -> DiscoveredVolume | None:
    """Return the partition of a volume that is in use, or None when it is on none that was discovered."""
    direct = next((one for one in volumes.values() if one.path == used.source), None)
    if direct is not None and direct.parent:
        return direct
    return next((one for one in volumes.values() if one.partition_label == spec.label), None)
