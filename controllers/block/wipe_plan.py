"""What a reset destroys, as a list of describable steps; and that list as JSON, for the program that carries it out.

The order is by what matters most when it is cut off: the ends of everything (superblocks, LUKS headers with their keys,
partition tables), secrets first → the whole of it → the ends once more, because a file system that could not be unmounted may
have written something back meanwhile → the entries of the partitions, by which the next boot finds what is left → META, last,
for it says that a reset is not over. An encrypted volume needs no more than its ends: without header and key slots the rest is
noise. Only the standard library is imported: the program starts when nothing else is left.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum

END = 16 << 20
"""Bytes at each end of a device: as much as a LUKS2 header takes, more than any superblock or partition table."""
FORMAT = 2
FILE_LIMIT = 1 << 20  # bytes of a plan


class WipePlanError(Exception):
    """A plan that cannot be read."""


class Rank(IntEnum):
    """What is destroyed before what."""

    SECRETS = 0
    OTHERS = 1
    META = 2


@dataclass(frozen=True, slots=True)
class Target:
    """A partition or a whole disk (`partition_uuid` empty). `disk` is the device whose table has its entry, "" for none that
    goes; `ends_only`: erasing both ends is enough, because it is encrypted, or because its whole disk is erased as well.
    `key`: its name in the record, "" when nobody asks how far it is; `start`: bytes at its beginning that are erased already.
    """

    device: str
    size: int
    what: str
    ends_only: bool = False
    disk: str = ""
    partition_uuid: str = ""
    rank: Rank = Rank.OTHERS
    key: str = ""
    start: int = 0


@dataclass(frozen=True, slots=True)
class EraseEnds:
    """Zeros over the first and last `END` bytes of a device."""

    device: str
    what: str

    def describe(self) -> str:
        """Say what is done."""
        return f"erase the beginning and the end of {self.what}"


@dataclass(frozen=True, slots=True)
class DropEntries:
    """Take partitions out of a partition table. `devices`: theirs, in the same order."""

    disk: str
    uuids: tuple[str, ...]
    devices: tuple[str, ...] = ()

    def describe(self) -> str:
        """Say what is done."""
        return f"remove {len(self.uuids)} partition{'s' if len(self.uuids) > 1 else ''} of {self.disk}"


@dataclass(frozen=True, slots=True)
class EraseAll:
    """Zeros over a device of `size` bytes from byte `start` on. `key`: its name in the record."""

    device: str
    size: int
    what: str
    key: str = ""
    start: int = 0

    def describe(self) -> str:
        """Say what is done."""
        return f"erase {f'the rest from {self.start * 100 // self.size} % on' if self.start else 'all'} of {self.what}"


@dataclass(frozen=True, slots=True)
class DropRecord:
    """Take the record of the reset out of META, because it is over."""

    device: str

    def describe(self) -> str:
        """Say what is done."""
        return "note that the reset is over"


WipeStep = EraseEnds | DropEntries | EraseAll | DropRecord
_STEPS: dict[str, type[EraseEnds] | type[DropEntries] | type[EraseAll] | type[DropRecord]] = {
    cls.__name__: cls for cls in (EraseEnds, DropEntries, EraseAll, DropRecord)
}


@dataclass(frozen=True, slots=True)
class WipePlan:
    """Steps in order, and the seconds that all of them together may take.

    `record`: the device of META that says how far it is, "" where nothing outlives a reboot. `strict`: what could not be
    erased keeps its entry in the partition table, and the record stays, so that the next boot goes on.
    """

    steps: tuple[WipeStep, ...]
    limit: float
    record: str = ""
    strict: bool = False

    @property
    def size(self) -> int:
        """Bytes that are to be overwritten as a whole."""
        return sum(step.size - step.start for step in self.steps if isinstance(step, EraseAll))

    def ends_record(self, step: WipeStep) -> bool:
        """Return whether there is no record after a step."""
        return isinstance(step, DropRecord) or (isinstance(step, EraseAll) and bool(step.device) and step.device == self.record)


def order_steps(targets: Sequence[Target]) -> tuple[WipeStep, ...]:
    """Return the steps that destroy `targets`: encrypted ones first, then secrets, then small ones, which are done at once."""
    ranked = sorted(targets, key=lambda one: (not one.ends_only, one.rank, one.size, one.device))
    first, last = [one for one in ranked if one.rank < Rank.META], [one for one in ranked if one.rank is Rank.META]
    ends = [EraseEnds(one.device, one.what) for one in first]
    whole = [_erase(one) for one in first if not one.ends_only and one.start < one.size]
    return (*ends, *whole, *(ends if whole else ()), *_drop(first), *map(_erase, last))


def _erase(target: Target) -> EraseAll:
    return EraseAll(target.device, target.size, target.what, target.key, target.start)


def _drop(targets: Sequence[Target]) -> Iterable[DropEntries]:
    """Yield a step for each table."""
    going = [one for one in targets if one.disk and one.partition_uuid]
    for disk in sorted({one.disk for one in going}):
        here = [one for one in going if one.disk == disk]
        yield DropEntries(disk, tuple(one.partition_uuid for one in here), tuple(one.device for one in here))


def render_plan(plan: WipePlan) -> str:
    """Return the plan as JSON."""
    steps = [{"step": type(step).__name__, **asdict(step)} for step in plan.steps]
    more = {"record": plan.record, "strict": plan.strict}
    return json.dumps({"format": FORMAT, "limit": plan.limit, **more, "steps": steps})


def parse_plan(text: str) -> WipePlan:
    """Return the plan of `render_plan`. Raises `WipePlanError`."""
    try:
        found = json.loads(text)
        if found["format"] != FORMAT:
            raise WipePlanError(f"a plan of format {found['format']}, {FORMAT} is known")
        steps, record = tuple(_parse_steps(found["steps"])), str(found["record"])
        return WipePlan(steps, float(found["limit"]), record, found["strict"] is True)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WipePlanError(f"no plan: {error or type(error).__name__}") from error


def _parse_steps(found: Iterable[dict[str, object]]) -> Iterable[WipeStep]:
    for one in found:
        fields = dict(one)
        cls = _STEPS[str(fields.pop("step"))]
        for name in fields.keys() & {"uuids", "devices"}:
            fields[name] = tuple(map(str, fields[name]))  # type: ignore[call-overload]  # a list, or it raises
        yield cls(**fields)  # type: ignore[arg-type]  # the classes check their names, `_write` checks the values by use
