"""Whole disks, and which of them is the system disk: `BlockDevice`, `DiscoveredVolume` → `Disk`.

The system disk carries the root image that was booted (by the partition's unique id, which is part of the verity hash).
A node that runs from the initramfs has no such partition: there it is the first writable, fixed disk that carries our
partitions or nothing at all. Disks with anything else on them are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from controllers.block import sysfs
from controllers.ports import Ports
from controllers.resources.block import BlockDevice, DiscoveredVolume, Disk
from controllers.runtime.controller import Controller, Input, Output, View, Wanted

OURS = frozenset({"STATE", "EPHEMERAL", "META"})


def root_partition_uuid(cmdline: Mapping[str, str]) -> str:
    """Return the GPT unique id of the booted root partition, or "" when the root came with the initramfs.

    It is the first 128 bits of the verity root hash (Discoverable Partitions Specification).
    """
    if cmdline.get("ophite.root") != "verity":
        return ""
    digest = cmdline.get("ophite.verity", "").partition(":")[0]
    try:
        return str(UUID(digest[:32]))
    except ValueError:
        return ""


def find_system_disk(disks: Sequence[BlockDevice], volumes: Sequence[DiscoveredVolume], root_uuid: str, fixed: set[str]) -> str:
    """Return the kernel name of the system disk, or "".

    In: `fixed`, names of disks that are not removable.
    """
    if root_uuid:
        return next((one.parent for one in volumes if one.partition_uuid == root_uuid), "")
    usable = [one.name for one in disks if one.name in fixed and not one.read_only]
    ours = {one.parent for one in volumes if one.partition_label in OURS}
    for name in usable:
        if name in ours:
            return name
    with_partitions = {one.parent for one in volumes if one.parent}
    empty = {one.path for one in volumes if not one.filesystem and not one.parent and not one.error}
    paths = {one.name: one.path for one in disks}
    return next((name for name in usable if name not in with_partitions and paths[name] in empty), "")


class DisksController(Controller):
    """`BlockDevice`, `DiscoveredVolume` → `Disk`, one of them marked as the system disk."""

    name = "block.DisksController"
    inputs = (Input(BlockDevice), Input(DiscoveredVolume))
    outputs = (Output(Disk),)

    def __init__(self, ports: Ports) -> None:
        self._sys = ports.paths.sys
        self._root_uuid = root_partition_uuid(ports.cmdline)

    def reconcile(self, view: View) -> Iterable[Wanted]:
        devices = [one.spec for one in view.list(BlockDevice) if one.spec.kind == "disk"]
        volumes = [one.spec for one in view.list(DiscoveredVolume)]
        removable = {one.name for one in devices if self._read(one.name, "removable") == "1"}
        looked = {one.path for one in volumes}
        settled = all(one.path in looked for one in devices)
        fixed = {one.name for one in devices} - removable
        system = find_system_disk(devices, volumes, self._root_uuid, fixed) if settled else ""
        return [Wanted(one.name, self._describe(one, one.name in removable, one.name == system)) for one in devices]

    def _describe(self, device: BlockDevice, removable: bool, system: bool) -> Disk:
        attached = str((self._sys / "class/block" / device.name).resolve())
        return Disk(
            path=device.path,
            size=device.size,
            model=self._read(device.name, "device/model") or self._read(device.name, "device/name"),
            serial=self._read(device.name, "device/serial") or self._read(device.name, "serial"),
            transport=sysfs.transport_of(attached),
            rotational=self._read(device.name, "queue/rotational") == "1",
            read_only=device.read_only,
            removable=removable,
            system=system,
        )

    def _read(self, name: str, attribute: str) -> str:
        return sysfs.read_text(self._sys / "class/block" / name / attribute)
