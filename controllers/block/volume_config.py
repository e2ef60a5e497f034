"""Which volumes the node wants: the volumes' documents and defaults → `VolumeSpec`s.

STATE and EPHEMERAL exist from the start, so that STATE can be looked for before there is a configuration. Whether a disk may
be changed for them is decided in the plan, not here. Which disks a selector means is decided here, since that is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from controllers.block.disk_select import SelectorError, find_one, select
from controllers.block.gpt import LINUX_FILESYSTEM
from controllers.block.volume_steps import MIB
from controllers.config.documents.disk_selector import DiskSelector
from controllers.config.documents.existing_volume_config import ExistingVolumeConfig
from controllers.config.documents.raw_volume_config import RawVolumeConfig
from controllers.config.documents.swap_volume_config import SwapVolumeConfig
from controllers.config.documents.user_volume_config import UserVolumeConfig
from controllers.config.documents.volume_config import VolumeConfig
from controllers.ports import Ports
from controllers.resources.block import Disk, VolumeKind, VolumeMatch, VolumeSpec
from controllers.runtime.controller import Controller, Input, Output, View, Wanted

STATE_SIZE = 64 * MIB
EPHEMERAL_MIN = 1024 * MIB
MOUNTS = "mnt"
"""Where user volumes are mounted, below /var."""
LINUX_SWAP = "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"  # Discoverable Partitions Specification
NAMED_AFTER = {UserVolumeConfig: "u-", RawVolumeConfig: "r-", SwapVolumeConfig: "s-", ExistingVolumeConfig: "e-"}


class VolumeConfigController(Controller):
    """The documents of volumes, `Disk` → `VolumeSpec`. EPHEMERAL takes what is free unless told otherwise."""

    name = "block.VolumeConfigController"
    inputs = (
        Input(VolumeConfig),
        Input(UserVolumeConfig),
        Input(RawVolumeConfig),
        Input(SwapVolumeConfig),
        Input(ExistingVolumeConfig),
        Input(Disk),
    )
    outputs = (Output(VolumeSpec),)

    def __init__(self, ports: Ports) -> None:
        self._paths = ports.paths

    def reconcile(self, view: View) -> Iterable[Wanted]:
        documents = {one.spec.name: one.spec for one in view.list(VolumeConfig)}
        specs = [self._state(documents.get("STATE")), self._ephemeral(documents.get("EPHEMERAL"))]
        disks = [one.spec for one in view.list(Disk)]
        specs += [self._user(one.spec, disks) for one in view.list(UserVolumeConfig)]
        specs += _unformatted(view, disks)
        specs += [self._existing(one.spec) for one in view.list(ExistingVolumeConfig)]
        return [Wanted(spec.label, spec) for spec in specs]

    def _state(self, document: VolumeConfig | None) -> VolumeSpec:
        wanted = document or VolumeConfig(name="STATE")
        limit = wanted.limit
        return VolumeSpec(
            label="STATE",
            mount_point=str(self._paths.state),
            partition_type=str(LINUX_FILESYSTEM),
            min_size=wanted.min_bytes or min(STATE_SIZE, limit.size or STATE_SIZE),
            max_size=limit.size or (0 if limit.percent else max(STATE_SIZE, wanted.min_bytes)),
            max_percent=limit.percent,
            system=True,
            grow=True,
            encrypted=wanted.encryption is not None,
        )

    def _ephemeral(self, document: VolumeConfig | None) -> VolumeSpec:
        wanted = document or VolumeConfig(name="EPHEMERAL")
        limit = wanted.limit
        return VolumeSpec(
            label="EPHEMERAL",
            mount_point=str(self._paths.var),
            partition_type=str(LINUX_FILESYSTEM),
            min_size=wanted.min_bytes or min(EPHEMERAL_MIN, limit.size or EPHEMERAL_MIN),
            max_size=limit.size,
            max_percent=limit.percent,
            system=True,
            grow=True,
            executable=True,
            encrypted=wanted.encryption is not None,
        )

    def _user(self, document: UserVolumeConfig, disks: Sequence[Disk]) -> VolumeSpec:
        found, problem = find_disks(document.disk, disks)
        return VolumeSpec(
            label=label_of(document),
            mount_point=str(self._paths.var / MOUNTS / document.name),
            partition_type=str(LINUX_FILESYSTEM),
            filesystem=document.filesystem,
            min_size=document.min_bytes,
            max_size=document.limit.size,
            max_percent=document.limit.percent,
            disks=found,
            problem=problem,
            grow=document.grow,
            executable=True,
            encrypted=document.encryption is not None,
        )

    def _existing(self, document: ExistingVolumeConfig) -> VolumeSpec:
        match = VolumeMatch(
            label=document.match.label, uuid=document.match.uuid, partition_label=document.match.partition_label
        )
        return VolumeSpec(
            label=label_of(document),
            kind=VolumeKind.EXISTING,
            mount_point=str(self._paths.var / MOUNTS / document.name),
            filesystem="",
            executable=True,
            read_only=document.read_only,
            match=match,
        )


def label_of(document: UserVolumeConfig | RawVolumeConfig | SwapVolumeConfig | ExistingVolumeConfig) -> str:
    """Return the name of a volume's partition: a letter for its kind, and its own name."""
    return NAMED_AFTER[type(document)] + document.name


def find_disks(selector: DiskSelector, disks: Sequence[Disk]) -> tuple[tuple[str, ...], str]:
    """Return the kernel names of the disks that match, and why that is not exactly one ("" when it is)."""
    found = tuple(disk.path.rpartition("/")[2] for disk in select(disks, selector))
    try:
        find_one(disks, selector)
    except SelectorError as error:
        return found, str(error)
    return found, ""


def _unformatted(view: View, disks: Sequence[Disk]) -> Iterator[VolumeSpec]:
    """Yield raw partitions and swap space."""
    for raw in (one.spec for one in view.list(RawVolumeConfig)):
        yield _partition(raw, disks, VolumeKind.RAW, str(LINUX_FILESYSTEM))
    for swap in (one.spec for one in view.list(SwapVolumeConfig)):
        yield _partition(swap, disks, VolumeKind.SWAP, LINUX_SWAP, priority=swap.priority)


def _partition(
    document: RawVolumeConfig | SwapVolumeConfig, disks: Sequence[Disk], kind: VolumeKind, type_: str, priority: int = -1
) -> VolumeSpec:
    found, problem = find_disks(document.disk, disks)
    return VolumeSpec(
        label=label_of(document),
        kind=kind,
        partition_type=type_,
        filesystem="swap" if kind is VolumeKind.SWAP else "",
        min_size=document.min_bytes,
        max_size=document.limit.size,
        max_percent=document.limit.percent,
        disks=found,
        problem=problem,
        priority=priority,
    )
