"""What this node has mounted of a disk: a STATE that it looked into for a configuration, perhaps encrypted.

The kernel says it all: a mount's source has a device number, and /sys/dev/block/MAJOR:MINOR is a partition, or a mapping with
`slaves` (Documentation/ABI/testing/sysfs-block, sysfs-block-dm).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from controllers.block.kernel import partition_path
from init.linux.mount import Mount


class Standing(NamedTuple):
    """A mount: its target, the partition below it, and the device mapping in between, if any."""

    target: str
    device: str
    mapping: str = ""


def find_standing(disk: str, mounts: Iterable[Mount], sys: Path = Path("/sys")) -> list[Standing]:
    """Return the mounts that stand on partitions of a disk, the last one first."""
    prefix = partition_path(disk, 0)[:-1]
    found = []
    for one in mounts:
        for device, mapping in _below(one.source, sys):
            if device.startswith(prefix) and device.removeprefix(prefix).isdecimal():
                found.append(Standing(one.target, device, mapping))
    return found[::-1]


def _below(source: str, sys: Path) -> list[tuple[str, str]]:
    """Return the partitions that a mount's source stands on, each with the mapping in between."""
    if not source.startswith("/dev/"):
        return []
    try:
        number = Path(source).stat().st_rdev
        entry = sys / f"dev/block/{os.major(number)}:{os.minor(number)}"
        mapping = (entry / "dm/name").read_text().strip()
        return [(f"/dev/{slave.name}", mapping) for slave in (entry / "slaves").iterdir()]
    except OSError:
        return [(source, "")]
