"""Volumes that nobody asks for any more: what is still in use, and the steps that end it. Pure.

The brain may have been restarted in between, so what is in use is read from the machine and not remembered. Data are left
where they are, and nothing is taken from a process by force: what is busy stays, and says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from controllers.block.kernel import InUse
from controllers.block.luks import mapper_name, mapper_path
from controllers.block.volume_steps import EncryptClose, Step, SwapOff, Unmount
from controllers.resources.block import DiscoveredVolume, VolumeKind

KINDS = {"u-": VolumeKind.FILESYSTEM, "r-": VolumeKind.RAW, "s-": VolumeKind.SWAP, "e-": VolumeKind.EXISTING}


def find_orphans(
    wanted: Collection[str], in_use: Iterable[InUse], volumes: Mapping[str, DiscoveredVolume], below: str
) -> dict[str, InUse]:
    """Return, by label, what is in use as a user's volume and is not wanted.

    In: labels that are wanted; mounts and swap space; what was discovered, by kernel name; the directory of mounts.
    """
    labels = {one.path: one.partition_label for one in volumes.values()}
    found = {}
    for one in in_use:
        label = _label_of(one, labels.get(one.source, ""), below)
        if label and label not in wanted:
            found[label] = one
    return found


def plan_close(label: str, used: InUse | None, encrypted: bool) -> tuple[Step, ...]:
    """Return the steps that end the use of a volume."""
    steps: list[Step] = []
    if used is not None:
        steps.append(Unmount(used.target, lazily=used.gone) if used.target else SwapOff(used.source))
    if encrypted:
        steps.append(EncryptClose(label))
    return tuple(steps)


def kind_of(label: str) -> VolumeKind:
    """Return the kind of a user's volume by its label."""
    return KINDS.get(label[:2], VolumeKind.FILESYSTEM)


def is_encrypted(used: InUse, label: str) -> bool:
    """Return whether a mount is that of an opened volume."""
    return used.source == mapper_path(mapper_name(label))


def _label_of(used: InUse, partition_label: str, below: str) -> str:
    """Return the label of the volume that a mount or swap space is; "" when it is none of ours."""
    if not used.target:
        return partition_label if partition_label.startswith("s-") else ""
    directory, _, name = used.target.rpartition("/")
    if directory != below:
        return ""
    user = f"u-{name}"
    return user if partition_label == user or is_encrypted(used, user) else f"e-{name}"
