"""What a reset destroys, as a list of describable steps; and that list as JSON, for the program that carries it out.

The order is by what matters most when time runs out: the ends of everything (superblocks, LUKS headers with their keys,
partition tables) → the entries of the partitions → the whole of it → the ends once more, because a file system that could
not be unmounted may have written something back meanwhile. An encrypted volume needs no more than its ends: without header and
key slots the rest is noise. Only the standard library is imported: the program starts when nothing else is left.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

END = 16 << 20
"""Bytes at each end of a device: as much as a LUKS2 header takes, more than any superblock or partition table."""
FORMAT = 1
FILE_LIMIT = 1 << 20  # bytes of a plan


class WipePlanError(Exception):
    """A plan that cannot be read."""


@dataclass(frozen=True, slots=True)
class Target:
    """A partition or a whole disk (`partition_uuid` empty). `disk` is the device whose table has its entry, "" for none that
    goes; `ends_only`: erasing both ends is enough, because it is encrypted, or because its whole disk is erased as well.
    """

    device: str
    size: int
    what: str
    ends_only: bool = False
    disk: str = ""
    partition_uuid: str = ""


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
    """Take partitions out of a partition table."""

    disk: str
    uuids: tuple[str, ...]

    def describe(self) -> str:
        """Say what is done."""
        return f"remove {len(self.uuids)} partition{'s' if len(self.uuids) > 1 else ''} of {self.disk}"


@dataclass(frozen=True, slots=True)
class EraseAll:
    """Zeros over a whole device of `size` bytes."""

    device: str
    size: int
    what: str

    def describe(self) -> str:
        """Say what is done."""
        return f"erase all of {self.what}"


WipeStep = EraseEnds | DropEntries | EraseAll
_STEPS: dict[str, type[EraseEnds] | type[DropEntries] | type[EraseAll]] = {
    cls.__name__: cls for cls in (EraseEnds, DropEntries, EraseAll)
}


@dataclass(frozen=True, slots=True)
class WipePlan:
    """Steps in order, and the seconds that all of them together may take."""

    steps: tuple[WipeStep, ...]
    limit: float

    @property
    def size(self) -> int:
        """Bytes that are to be overwritten as a whole."""
        return sum(step.size for step in self.steps if isinstance(step, EraseAll))


def order_steps(targets: Sequence[Target]) -> tuple[WipeStep, ...]:
    """Return the steps that destroy `targets`: encrypted ones first, then small ones, because they are done at once."""
    ranked = sorted(targets, key=lambda one: (not one.ends_only, one.size, one.device))
    ends = [EraseEnds(one.device, one.what) for one in ranked]
    disks = sorted({one.disk for one in ranked if one.disk and one.partition_uuid})
    entries = [
        DropEntries(disk, tuple(one.partition_uuid for one in ranked if one.disk == disk and one.partition_uuid))
        for disk in disks
    ]
    whole = [EraseAll(one.device, one.size, one.what) for one in ranked if not one.ends_only]
    return (*ends, *entries, *whole, *ends)


def render_plan(plan: WipePlan) -> str:
    """Return the plan as JSON."""
    steps = [{"step": type(step).__name__, **asdict(step)} for step in plan.steps]
    return json.dumps({"format": FORMAT, "limit": plan.limit, "steps": steps})


def parse_plan(text: str) -> WipePlan:
    """Return the plan of `render_plan`. Raises `WipePlanError`."""
    try:
        found = json.loads(text)
        if found["format"] != FORMAT:
            raise WipePlanError(f"a plan of format {found['format']}, {FORMAT} is known")
        return WipePlan(tuple(_parse_steps(found["steps"])), float(found["limit"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WipePlanError(f"no plan: {error or type(error).__name__}") from error


def _parse_steps(found: Iterable[dict[str, object]]) -> Iterable[WipeStep]:
    for one in found:
        fields = dict(one)
        cls = _STEPS[str(fields.pop("step"))]
        if "uuids" in fields:
            fields["uuids"] = tuple(map(str, fields["uuids"]))  # type: ignore[call-overload]  # a list, or it raises
        yield cls(**fields)  # type: ignore[arg-type]  # the classes check their names, `_write` checks the values by use
