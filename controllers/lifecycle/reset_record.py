"""The reset that is wanted, as META keeps it until it is over: JSON under the key `reset`, read with suspicion.

It names what is to be destroyed by what does not change between two boots: partitions by their unique id and label, disks by
serial number or place. The last program of the shutdown (`controllers/block/wipe_record.py`) notes in it how far it is.
Trap: a record can only ever ask for what a reset may destroy. Roots, boot files and the system disk as a whole are none of it,
whatever META says; and one that cannot be understood is refused, and the node boots as if there were none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

import msgspec

from controllers.block.disk_usage import SYSTEM_VOLUMES, is_volume
from controllers.block.wipe_record import KEY, STAGE_DESTROYING, STAGE_INCOMPLETE, STAGE_RECORDED
from controllers.resources.block import Disk
from controllers.resources.reset import AfterReset

__all__ = ["FORMAT", "KEY", "TRIES", "Place", "RecordError", "ResetRecord", "Wanted", "parse_record", "render_record"]

FORMAT = 1
TRIES = 3
"""So often a reset that was cut off is continued."""
TARGETS, PROBLEMS = 64, 8
CANCELLED = "cancelled"
_STAGES = frozenset({STAGE_RECORDED, STAGE_DESTROYING, STAGE_INCOMPLETE, CANCELLED})
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Text = Annotated[str, msgspec.Meta(max_length=256)]
Size = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]


class RecordError(Exception):
    """A record that is refused; the text says why."""


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A disk as it is known again: the system disk, or by serial number, WWN or where it is plugged in. `path`: for people."""

    path: Text
    size: Size = 0
    system: bool = False
    serial: Text = ""
    wwn: Text = ""
    bus_path: Text = ""


class Wanted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to destroy: a partition, or a whole disk (`uuid` empty). `encrypted`: without its ends the rest is noise."""

    disk: Place
    uuid: Text = ""
    label: Text = ""
    size: Size = 0
    encrypted: bool = False

    @property
    def key(self) -> str:
        """Its name in `done`."""
        return self.uuid or f"disk {self.disk.path}"

    def describe(self) -> str:
        """Name it for people."""
        return f"{self.label} on {self.disk.path}" if self.uuid else f"disk {self.disk.path}"


class ResetRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reset that is not over. `limit`: as asked, 0 = by size; `tries`: how often it was continued; `done`: bytes from its
    beginning that are erased, by `Wanted.key`; `state_stays`: the configuration is not destroyed.
    """

    format: int
    request: Text
    targets: Annotated[tuple[Wanted, ...], msgspec.Meta(max_length=TARGETS)]
    then: AfterReset = AfterReset.REBOOT
    limit: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 0.0
    tries: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    stage: Text = STAGE_RECORDED
    step: Text = ""
    done: Annotated[dict[Text, Size], msgspec.Meta(max_length=TARGETS)] = {}
    problems: Annotated[tuple[Text, ...], msgspec.Meta(max_length=PROBLEMS)] = ()

    @property
    def state_stays(self) -> bool:
        """Whether STATE of the system disk, with the configuration, is none of what is to be destroyed."""
        return not any(one.label == "STATE" and one.disk.system for one in self.targets)


def parse_record(text: str) -> ResetRecord | None:
    """Return the record, None for one that was taken back. Raises `RecordError`."""
    try:
        found = msgspec.json.decode(text, type=msgspec.Raw)
        head = msgspec.json.decode(found, type=_Head)
        if head.format != FORMAT:
            raise RecordError(f"its format is {head.format}, and this version knows {FORMAT}: another version wrote it")
        record = msgspec.json.decode(found, type=ResetRecord)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RecordError(f"it cannot be read: {error}"[:300]) from error
    if record.stage == CANCELLED:
        return None
    problem = _find_problem(record)
    if problem:
        raise RecordError(problem)
    return record


class _Head(msgspec.Struct, frozen=True):
    """What every format has."""

    format: int


def _find_problem(record: ResetRecord) -> str:
    """Return what no reset of ours would say, or ""."""
    if not record.targets:
        return "it names nothing to destroy"
    if record.stage not in _STAGES:
        return f"no such stage: {record.stage[:40]!r}"
    if len({one.key for one in record.targets}) < len(record.targets):
        return "it names something twice"
    return next((problem for one in record.targets if (problem := _find_bad_target(one))), "")


def _find_bad_target(wanted: Wanted) -> str:
    if not wanted.uuid:
        return f"{wanted.disk.path[:80]!r} is the system disk, which is not destroyed as a whole" if wanted.disk.system else ""
    if not _UUID.fullmatch(wanted.uuid):
        return f"{wanted.uuid[:80]!r} is no id of a partition"
    user = is_volume(wanted.label) and wanted.label not in SYSTEM_VOLUMES
    if not user and not (wanted.label in SYSTEM_VOLUMES and wanted.disk.system):
        return f"{wanted.label[:80]!r} is nothing that a reset destroys"
    return ""


def render_record(record: ResetRecord) -> str:
    """Return the record as META holds it."""
    return msgspec.json.encode(record).decode()


def place_of(disk: Disk) -> Place:
    """Return how a disk will be known again."""
    serial, wwn, bus_path = (text[:200] for text in (disk.serial, disk.wwn, disk.bus_path))
    return Place(path=disk.path[:200], size=disk.size, system=disk.system, serial=serial, wwn=wwn, bus_path=bus_path)


def find_disks(place: Place, disks: Mapping[str, Disk]) -> list[str]:
    """Return the kernel names of the disks that may be the one that is meant; it is safe to write to one only."""
    if place.system:
        return [name for name, disk in disks.items() if disk.system]
    others = {name: disk for name, disk in disks.items() if not disk.system and disk.size == place.size}
    if place.serial or place.wwn:
        return [name for name, disk in others.items() if (disk.serial, disk.wwn) == (place.serial, place.wwn)]
    return [name for name, disk in others.items() if place.bus_path and disk.bus_path == place.bus_path]
