"""Which partitions and disks a reset destroys: the request and what is on the disks → `WipePlan`. Pure.

What the user did not give us is left alone: without `user_disks` only partitions that are ours by their label are destroyed, on
whatever disk; a disk that is named is destroyed as a whole. The slots and the ESP stay, so the node boots again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from controllers.block.disk_select import list_disks
from controllers.block.wipe_plan import Target, WipePlan, order_steps
from controllers.resources.block import DiscoveredVolume, Disk
from controllers.resources.reset import AfterReset, ResetMode, ResetRequest
from controllers.runtime.errors import OperationError

SYSTEM_VOLUMES = ("EPHEMERAL", "META", "STATE")
FIXED = frozenset({"META"})
"""Volumes whose place stays when their content goes: the image made them, not the node."""
USER_PREFIXES = ("u-", "r-", "s-")
BASE_SECONDS, BYTES_PER_SECOND = 120.0, 50_000_000
"""What the limit allows for by itself: a slow disk that has to write every zero."""
MAX_SECONDS = 6 * 3600.0
LIMIT_MAX = 23 * 3600.0
"""Seconds that a request or patience may make of it: PID 1 gives its last program a day at most."""


def plan_reset(
    request: ResetRequest, disks: Mapping[str, Disk], volumes: Sequence[DiscoveredVolume], patience: float = 1.0
) -> WipePlan:
    """Return what has to be destroyed. In: `disks` by kernel name; `patience` stretches the limit.

    Raises `OperationError` with the way out for a request that makes no sense on this node.
    """
    system = next((name for name, disk in disks.items() if disk.system), None)
    labels = _choose_labels(request)
    targets: list[Target] = []
    if labels:
        if system is None:
            raise _refuse("this node has no system disk, so there is nothing to reset", "see `ophite get disks`")
        targets += _partitions({system: disks[system]}, volumes, lambda label: label in labels)
    whole = _choose_disks(request, disks)
    targets += [target for name, disk in whole.items() for target in _whole_disk(name, disk, volumes)]
    if request.mode is not ResetMode.SYSTEM and not request.user_disks:
        others = {name: disk for name, disk in disks.items() if name not in whole}
        targets += _partitions(others, volumes, lambda label: label.startswith(USER_PREFIXES))
    if not targets:
        raise _refuse("nothing of what shall be destroyed is there", "see `ophite get discoveredvolumes`")
    plan = WipePlan(order_steps(targets), 0.0)
    limit = request.limit or min(BASE_SECONDS + plan.size / BYTES_PER_SECOND, MAX_SECONDS) * patience
    return WipePlan(plan.steps, min(limit, LIMIT_MAX))


def destroys(request: ResetRequest, label: str) -> bool:
    """Return whether a request destroys a system volume."""
    return label in _choose_labels(request)


def _choose_labels(request: ResetRequest) -> tuple[str, ...]:
    """Return the labels of the system volumes that go."""
    if request.mode is ResetMode.USER_DISKS:
        if request.system_volumes:
            raise _bad("system volumes were named, and the mode is user-disks", "use --mode all, or leave them out")
        labels: tuple[str, ...] = ()
    else:
        labels = request.system_volumes or SYSTEM_VOLUMES
    unknown = sorted(set(labels) - set(SYSTEM_VOLUMES))
    if unknown:
        raise _bad(f"no such system volume: {', '.join(unknown)[:200]}", f"there are {', '.join(SYSTEM_VOLUMES)}")
    if request.then is AfterReset.MAINTENANCE and "STATE" not in labels:
        raise _bad("the node keeps its configuration, so it does not end in maintenance", "add STATE to the system volumes")
    return labels


def _choose_disks(request: ResetRequest, disks: Mapping[str, Disk]) -> dict[str, Disk]:
    """Return the disks that were named, by kernel name."""
    if request.user_disks and request.mode is ResetMode.SYSTEM:
        raise _bad("user disks were named, and the mode is system", "use --mode user-disks or --mode all")
    chosen = {}
    for wanted in request.user_disks:
        name = next((name for name, disk in disks.items() if wanted in (name, disk.path, *disk.links_by_id)), None)
        if name is None:
            raise _bad(f"there is no disk {wanted[:200]}", f"there are: {list_disks(disks.values())}")
        if disks[name].system:
            raise _bad(f"{wanted} is the system disk, which is not destroyed as a whole", "name its volumes instead")
        if disks[name].read_only:
            raise _refuse(f"{wanted} is read-only", "nothing was changed")
        chosen[name] = disks[name]
    return chosen


def _whole_disk(name: str, disk: Disk, volumes: Sequence[DiscoveredVolume]) -> list[Target]:
    """Return a disk, and the ends of its partitions: their keys and superblocks are gone before its time is over."""
    inside = [Target(one.path, one.size, one.path, ends_only=True) for one in volumes if one.parent == name]
    return [*inside, Target(disk.path, disk.size, f"disk {disk.path}")]


def _partitions(disks: Mapping[str, Disk], volumes: Sequence[DiscoveredVolume], wanted: Callable[[str], bool]) -> list[Target]:
    """Return the partitions of `disks` whose label is wanted. Raises `OperationError` for a disk that is read-only."""
    found = []
    for volume in volumes:
        disk = disks.get(volume.parent)
        if disk is None or not volume.partition_uuid or not wanted(volume.partition_label):
            continue
        if disk.read_only:
            raise _refuse(f"{disk.path} with {volume.partition_label} is read-only", "nothing was changed")
        stays = volume.partition_label in FIXED
        found.append(
            Target(
                device=volume.path,
                size=volume.size,
                what=f"{volume.partition_label} ({volume.path})",
                ends_only=volume.filesystem.lower().startswith("luks"),
                disk="" if stays else disk.path,
                partition_uuid="" if stays else volume.partition_uuid,
            )
        )
    return found


def _bad(message: str, hint: str) -> OperationError:
    return OperationError("invalid_argument", message, hint)


def _refuse(message: str, hint: str) -> OperationError:
    return OperationError("failed_precondition", message, hint)
