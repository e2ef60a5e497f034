"""Which disks a selector means: pure, and with an error that shows all there is to choose from.

Exactly one disk has to match: with none there is nothing to do, and with two a guess could cost somebody's data. Whoever
selects therefore calls `find_one` and shows its error as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from controllers.config.documents.disk_selector import DiskMatch, DiskSelector
from controllers.resources.block import Disk

SHOWN = 16
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


class SelectorError(Exception):
    """No disk, or more than one, matches a selector; the text lists all disks."""


def select(disks: Iterable[Disk], selector: DiskSelector) -> list[Disk]:
    """Return the disks that match, by path. Raises `ValueError` for a selector that was never validated."""
    match = selector.match
    fits = match.compare_size()
    return sorted((disk for disk in disks if fits(disk.size) and _matches(disk, match)), key=lambda disk: disk.path)


def find_one(disks: Sequence[Disk], selector: DiskSelector) -> Disk:
    """Return the one disk that matches. Raises `SelectorError` when none does or several do."""
    found = select(disks, selector)
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} disks match" if found else "no disk matches"
    raise SelectorError(f"{what} `{describe_selector(selector)}`; it must be exactly one of: {list_disks(disks)}")


def describe_selector(selector: DiskSelector) -> str:
    """Return a selector as one line: `size: >= 100GB, transport: nvme`."""
    match = selector.match
    given = ((name, getattr(match, name)) for name in match.__struct_fields__)
    return ", ".join(
        f"{name}: {str(value).lower() if value in (True, False) else value}" for name, value in given if value not in ("", None)
    )


def list_disks(disks: Iterable[Disk]) -> str:
    """Return all disks as one line, each with what a selector can tell it by."""
    known = sorted(disks, key=lambda disk: disk.path)
    if not known:
        return "(no disks; attach one)"
    more = f"; and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return "; ".join(describe_disk(disk) for disk in known[:SHOWN]) + more


def describe_disk(disk: Disk) -> str:
    """Return a disk as `/dev/sda (500.1 GB, ata, model X, serial Y, holds gpt)`."""
    facts = [render_size(disk.size), disk.transport]
    facts += [f"{name} {value}" for name, value in (("model", disk.model), ("serial", disk.serial)) if value]
    facts += [word for word, true in (("read-only", disk.read_only), ("removable", disk.removable)) if true]
    facts.append(f"used by {disk.in_use_by}" if disk.in_use_by else f"holds {disk.holds}" if disk.holds else "")
    return f"{disk.path} ({', '.join(fact for fact in facts if fact)})"


def render_size(size: int) -> str:
    """Return bytes as disks are sold: `500.1 GB`."""
    number, unit = float(size), 0
    while number >= 1000 and unit < len(UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.1f} {UNITS[unit]}" if unit else f"{size} B"


def _matches(disk: Disk, match: DiskMatch) -> bool:
    texts = (
        (match.model, (disk.model,)),
        (match.serial, (disk.serial,)),
        (match.wwn, (disk.wwn,)),
        (match.transport, (disk.transport,)),
        (match.path, (disk.path, disk.bus_path, *disk.links_by_path)),
        (match.id, (*disk.links_by_id, *(link.rpartition("/")[2] for link in disk.links_by_id))),
    )
    flags = ((match.rotational, disk.rotational), (match.system, disk.system))
    return all(_any_like(values, pattern) for pattern, values in texts) and all(
        wanted is None or wanted == value for wanted, value in flags
    )


def _any_like(values: Iterable[str], pattern: str) -> bool:
    return not pattern or any(fnmatchcase(value.lower(), pattern.lower()) for value in values)
