"""Which partitions and disks a reset destroys: the request and what is on the disks → `WipePlan`. Pure.

What the user did not give us is left alone: without `user_disks` only partitions that are ours by their label are destroyed, on
whatever disk; a disk that is named is destroyed as a whole. The slots and the ESP stay, so the node boots again.
A later boot that continues (`reset_rest`) makes its plan of the same pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from controllers.block.disk_select import list_disks
from controllers.block.disk_usage import SYSTEM_VOLUMES, USER_VOLUMES
from controllers.block.wipe_plan import DropRecord, Rank, Target, WipePlan, order_steps
from controllers.lifecycle.reset_record import Wanted, place_of
from controllers.resources.block import DiscoveredVolume, Disk
from controllers.resources.reset import AfterReset, ResetMode, ResetRequest
from controllers.runtime.errors import OperationError

FIXED = frozenset({"META"})
"""Volumes whose place stays when their content goes: the image made them, not the node."""
BASE_SECONDS, BYTES_PER_SECOND = 120.0, 50_000_000
"""What the limit allows for by itself: a slow disk that has to write every zero."""
MAX_SECONDS = 6 * 3600.0
LIMIT_MAX = 23 * 3600.0
"""Seconds that a request or patience may make of it: PID 1 gives its last program a day at most."""


class Chosen(NamedTuple):
    """Something to destroy and the device that it is now."""

    wanted: Wanted
    device: str


def choose(request: ResetRequest, disks: Mapping[str, Disk], volumes: Sequence[DiscoveredVolume]) -> tuple[Chosen, ...]:
    """Return what has to be destroyed. In: `disks` by kernel name.

    Raises `OperationError` with the way out for a request that makes no sense on this node.
    """
    system = next((name for name, disk in disks.items() if disk.system), None)
    labels = _choose_labels(request)
    chosen: list[Chosen] = []
    if labels:
        if system is None:
            raise _refuse("this node has no system disk, so there is nothing to reset", "see `ophite get disks`")
        chosen += _partitions({system: disks[system]}, volumes, lambda label: label in labels)
    whole = _choose_disks(request, disks)
    chosen += [Chosen(Wanted(disk=place_of(disk), size=disk.size), disk.path) for disk in whole.values()]
    if request.mode is not ResetMode.SYSTEM and not request.user_disks:
        others = {name: disk for name, disk in disks.items() if name not in whole}
        chosen += _partitions(others, volumes, lambda label: label.startswith(USER_VOLUMES))
    if not chosen:
        raise _refuse("nothing of what shall be destroyed is there", "see `ophite get discoveredvolumes`")
    return tuple(chosen)


def plan_reset(
    request: ResetRequest,
    disks: Mapping[str, Disk],
    volumes: Sequence[DiscoveredVolume],
    patience: float = 1.0,
    record: str = "",
) -> WipePlan:
    """Return how what `choose` finds is destroyed.

    In: `patience` stretches the limit; `record`: the device of META that keeps the reset until it is over, "" for none.
    Raises `OperationError`.
    """
    targets = [target for one in choose(request, disks, volumes) for target in plan_targets(one, volumes, {})]
    return make_plan(targets, request.limit, patience, record, strict=bool(record))


def plan_targets(chosen: Chosen, volumes: Sequence[DiscoveredVolume], done: Mapping[str, int]) -> list[Target]:
    """Return one target; for a disk also the ends of its partitions, whose keys and superblocks so go before its time is over.

    In: `done`, the bytes that are erased already, by key.
    """
    wanted, device = chosen
    start = min(done.get(wanted.key, 0), wanted.size)
    if not wanted.uuid:
        name = device.rpartition("/")[2]
        inside = [Target(one.path, one.size, one.path, ends_only=True) for one in volumes if one.parent == name]
        return [*inside, Target(device, wanted.size, f"disk {device}", key=wanted.key, start=start)]
    stays = wanted.label in FIXED
    rank = Rank.META if stays else Rank.SECRETS if wanted.label in SYSTEM_VOLUMES else Rank.OTHERS
    parent = next((one.parent for one in volumes if one.path == device), "")
    disk = "" if stays else f"{device.rpartition('/')[0]}/{parent}"
    return [
        Target(
            device=device,
            size=wanted.size,
            what=f"{wanted.label} ({device})",
            ends_only=wanted.encrypted,
            disk=disk,
            partition_uuid="" if stays else wanted.uuid,
            rank=rank,
            key="" if stays else wanted.key,
            start=0 if stays else start,
        )
    ]


def make_plan(targets: Sequence[Target], limit: float, patience: float, record: str, *, strict: bool) -> WipePlan:
    """Return the steps for targets, at their end the record's, and the limit. In: `limit` as asked, 0 = by size."""
    steps = order_steps(targets)
    if record and record not in {one.device for one in targets if one.rank is Rank.META}:
        steps = (*steps, DropRecord(record))
    plan = WipePlan(steps, 0.0, record, strict)
    seconds = limit or min(BASE_SECONDS + plan.size / BYTES_PER_SECOND, MAX_SECONDS) * patience
    return WipePlan(plan.steps, min(seconds, LIMIT_MAX), record, strict)


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


def _partitions(disks: Mapping[str, Disk], volumes: Sequence[DiscoveredVolume], wanted: Callable[[str], bool]) -> list[Chosen]:
    """Return the partitions of `disks` whose label is wanted. Raises `OperationError` for a disk that is read-only."""
    found = []
    for volume in volumes:
        disk = disks.get(volume.parent)
        if disk is None or not volume.partition_uuid or not wanted(volume.partition_label):
            continue
        if disk.read_only:
            raise _refuse(f"{disk.path} with {volume.partition_label} is read-only", "nothing was changed")
        what = Wanted(
            disk=place_of(disk),
            uuid=volume.partition_uuid,
            label=volume.partition_label,
            size=volume.size,
            encrypted=volume.filesystem.lower().startswith("luks"),
        )
        found.append(Chosen(what, volume.path))
    return found


def _bad(message: str, hint: str) -> OperationError:
    return OperationError("invalid_argument", message, hint)


def _refuse(message: str, hint: str) -> OperationError:
    return OperationError("failed_precondition", message, hint)
