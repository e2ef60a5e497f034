"""What a disk holds and who uses it, in words: pure, from what was discovered.

`holds` is about data: what a new owner would destroy. `in_use_by` is about who would notice at once: the running system, the
node's volumes, mounts, and devices that stand on the disk (device mapper, RAID).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controllers.resources.block import DiscoveredVolume, Disk

SYSTEM_VOLUMES = ("STATE", "EPHEMERAL", "META")
USER_VOLUMES = ("u-", "r-", "s-")
SHOWN = 4


def is_volume(label: str) -> bool:
    """Return whether a partition of this name is one of the node's volumes."""
    return label in SYSTEM_VOLUMES or label.startswith(USER_VOLUMES)


def describe_content(disk: str, volumes: Mapping[str, DiscoveredVolume]) -> str:
    """Return what is on a disk; "" when it holds only zeros or was not looked at yet.

    In: the disk's kernel name, and what was discovered, by kernel name.
    """
    whole = volumes.get(disk)
    if whole is None or whole.blank:
        return ""
    if whole.error:
        return "gpt: damaged" if whole.filesystem == "gpt" else "something that cannot be read"
    if whole.filesystem not in ("gpt", "mbr"):
        return whole.filesystem or "unknown data"
    names = [
        one.partition_label or one.filesystem or name.removeprefix(disk)
        for name, one in sorted(volumes.items())
        if one.parent == disk
    ]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{whole.filesystem}: {', '.join(names[:SHOWN])}{more}" if names else f"{whole.filesystem} without partitions"


def find_users(
    disk: Disk, volumes: Mapping[str, DiscoveredVolume], mounts: Mapping[str, str], holders: Iterable[str], system: bool
) -> list[str]:
    """Return who uses a disk, the most important first.

    In: `mounts`, source to target; `holders`, kernel names of devices that stand on it; `system`, whether the node runs
    from it.
    """
    name = disk.path.rpartition("/")[2]
    parts = [one for one in volumes.values() if one.parent == name]
    found = ["system"] if system else []
    found += [one.partition_label for one in parts if is_volume(one.partition_label)]
    sources = [disk.path, *(one.path for one in parts if not is_volume(one.partition_label))]
    found += [mounts[source] for source in sources if source in mounts]
    return found + list(holders)
