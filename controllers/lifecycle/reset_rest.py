"""What is left of a reset that was cut off: the record and what is on the disks now → `Rest`. Pure.

A partition is known by its unique id and label on the disk that the record means; one that a whole partition table lacks was
destroyed, for its entry goes last. Whatever cannot be told for sure (a disk that is gone, two that look alike, a table that
cannot be read) is left alone and named: it may still be readable. META goes only when nothing of that kind is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec

from controllers.block.disk_select import list_disks
from controllers.block.wipe_plan import Rank, Target, WipePlan
from controllers.lifecycle.reset_plan import FIXED, Chosen, make_plan, plan_targets
from controllers.lifecycle.reset_record import RecordError, ResetRecord, Wanted, find_disks, parse_record
from controllers.resources.block import DiscoveredVolume, Disk
from controllers.runtime.errors import OperationError


class Rest(NamedTuple):
    """`targets` can be destroyed now; `held` cannot, with the reason; `readable` names all of both."""

    targets: tuple[Target, ...]
    held: tuple[str, ...]
    readable: tuple[str, ...]

    @property
    def is_in_reach(self) -> bool:
        """Whether another run would bring it further."""
        return not self.held or bool(self.targets)


def find_rest(record: ResetRecord, disks: Mapping[str, Disk], volumes: Mapping[str, DiscoveredVolume]) -> Rest:
    """Return what is left. In: `disks` and `volumes` by kernel name, once all of them were looked at."""
    targets: list[Target] = []
    held: list[str] = []
    readable: list[str] = []
    for wanted in record.targets:
        found = _locate(wanted, record, disks, volumes)
        if found is None:
            continue
        readable.append(wanted.describe())
        if isinstance(found, str):
            held.append(f"{wanted.describe()}: {found}")
        else:
            now = Chosen(msgspec.structs.replace(wanted, size=found.size), found.path)
            targets += plan_targets(now, list(volumes.values()), record.done)
    if held:
        targets = [one for one in targets if one.rank is not Rank.META]
    return Rest(tuple(targets), tuple(held), tuple(readable))


def plan_rest(record: ResetRecord, rest: Rest, patience: float, meta: str) -> WipePlan:
    """Return the plan of another run. In: `meta`, the device that holds the record."""
    plan = make_plan(rest.targets, record.limit, patience, meta, strict=True)
    if not rest.held:
        return plan
    return WipePlan(tuple(step for step in plan.steps if not plan.ends_record(step)), plan.limit, meta, strict=True)


def plan_forget(
    text: str | None, disks: Mapping[str, Disk], volumes: Mapping[str, DiscoveredVolume], patience: float, meta: str
) -> WipePlan:
    """Return the plan that ends a reset whatever is still readable: the ends of what is there, then entries and record go.

    In: `text` of the record, which may be one that is refused. Raises `OperationError` when there is none.
    """
    if not text or not meta:
        raise OperationError("failed_precondition", "no reset is unfinished on this node", "see `ophite get resetstatus`")
    try:
        record = parse_record(text)
    except RecordError:
        record = None
    targets = find_rest(record, disks, volumes).targets if record else ()
    quick = [one if one.rank is Rank.META else replace(one, ends_only=True) for one in targets]
    return make_plan(quick, 0.0, patience, meta, strict=False)


def explain(record: ResetRecord, rest: Rest) -> str:
    """Return why a reset is not over."""
    why = [*rest.held, *record.problems] or [f"it was cut off: {record.step or 'before its first step'}"]
    return "; ".join(why)


def _locate(
    wanted: Wanted, record: ResetRecord, disks: Mapping[str, Disk], volumes: Mapping[str, DiscoveredVolume]
) -> Disk | DiscoveredVolume | str | None:
    """Return the device of something, None when it is destroyed, or why it cannot be."""
    if not wanted.uuid and record.done.get(wanted.key, 0) >= wanted.disk.size > 0:
        return None
    names = find_disks(wanted.disk, disks)
    if len(names) != 1:
        return _explain_disk(wanted, disks, len(names))
    if disks[names[0]].read_only:
        return f"{disks[names[0]].path} is read-only"
    if not wanted.uuid:
        return disks[names[0]]
    parts = [one for one in volumes.values() if one.parent == names[0]]
    found = [one for one in parts if one.partition_uuid == wanted.uuid and one.partition_label == wanted.label]
    if found:
        return found[0]
    return _judge_absence(wanted, volumes.get(names[0]), parts)


def _judge_absence(wanted: Wanted, whole: DiscoveredVolume | None, parts: Sequence[DiscoveredVolume]) -> str | None:
    """Return None when a table that can be read lacks the partition, else what is wrong with it."""
    if whole is None or whole.filesystem != "gpt" or whole.error or not all(one.partition_uuid for one in parts):
        return f"the partition table of its disk cannot be read{f': {whole.error}' if whole and whole.error else ''}"
    return "it is not there, though its place stays" if wanted.label in FIXED else None


def _explain_disk(wanted: Wanted, disks: Mapping[str, Disk], count: int) -> str:
    if count:
        return f"{count} disks may be the one that is meant; detach all but that one"
    known = f"serial number {wanted.disk.serial}" if wanted.disk.serial else wanted.disk.wwn or wanted.disk.bus_path
    return f"its disk ({known or 'without a serial number'}) is gone; there are: {list_disks(disks.values())}"
