"""Whole disks, and which of them is the system disk: `BlockDevice`, `DiscoveredVolume` → `Disk`.

The system disk carries the root image that was booted (by the partition's unique id, which is part of the verity hash).
A node that runs from the initramfs has no such partition: there it is the first writable, fixed disk that carries our
partitions or nothing at all. Disks with anything else on them are left alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from controllers.block import disk_identity, disk_path, disk_usage, sysfs
from controllers.ports import Ports
from controllers.resources.block import BlockDevice, DiscoveredVolume, Disk, MountStatus
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
    blank = {one.path for one in volumes if one.blank and not one.parent}
    paths = {one.name: one.path for one in disks}
    return next((name for name in usable if name not in with_partitions and paths[name] in blank), "")


class DisksController(Controller):
    """`BlockDevice`, `DiscoveredVolume`, `MountStatus` → `Disk`, one of them marked as the system disk."""

    name = "block.DisksController"
    inputs = (Input(BlockDevice), Input(DiscoveredVolume), Input(MountStatus))
    outputs = (Output(Disk),)

    def __init__(self, ports: Ports) -> None:
        self._sys = ports.paths.sys
        self._root_uuid = root_partition_uuid(ports.cmdline)

    def reconcile(self, view: View) -> Iterable[Wanted]:
        devices = [one.spec for one in view.list(BlockDevice) if one.spec.kind == "disk"]
        volumes = {one.id: one.spec for one in view.list(DiscoveredVolume)}
        removable = {one.name for one in devices if self._read(one.name, "removable") == "1"}
        settled = bool(self._root_uuid) or all(one.name in volumes for one in devices)
        fixed = {one.name for one in devices} - removable
        system = find_system_disk(devices, list(volumes.values()), self._root_uuid, fixed) if settled else ""
        mounts = {one.spec.source: one.spec.target for one in view.list(MountStatus)}
        for device in devices:
            disk = self._describe(device, device.name in removable)
            used = disk_usage.find_users(disk, volumes, mounts, self._find_holders(volumes, device.name), device.name == system)
            yield Wanted(
                device.name,
                msgspec.structs.replace(
                    disk,
                    system=device.name == system,
                    holds=disk_usage.describe_content(device.name, volumes),
                    in_use_by=", ".join(used),
                ),
            )

    def _describe(self, device: BlockDevice, removable: bool) -> Disk:
        home = (self._sys / "class/block" / device.name).resolve()
        transport = sysfs.transport_of(str(home))
        identity = disk_identity.read_identity(home, transport)
        bus_path = disk_path.find_bus_path(home)
        return Disk(
            path=device.path,
            size=device.size,
            model=identity.model,
            serial=identity.serial,
            wwn=identity.wwn,
            transport=transport,
            subsystem=disk_path.subsystem_of(home / "device"),
            bus_path=bus_path,
            links_by_id=identity.links,
            links_by_path=(disk_identity.BY_PATH + bus_path,) if bus_path else (),
            sector_size=sysfs.sector_size(self._sys, device.name),
            physical_sector_size=sysfs.read_number(home / "queue/physical_block_size", 512),
            rotational=self._read(device.name, "queue/rotational") == "1",
            read_only=device.read_only,
            removable=removable,
        )

    def _find_holders(self, volumes: Mapping[str, DiscoveredVolume], disk: str) -> list[str]:
        """Return the devices that stand on a disk or on its partitions: device mapper, RAID, bcache."""
        parts = [disk, *(name for name, one in volumes.items() if one.parent == disk)]
        found = set()
        for name in parts:
            with contextlib.suppress(OSError):
                found |= {one.name for one in (self._sys / "class/block" / name / "holders").iterdir()}
        return sorted(found)

    def _read(self, name: str, attribute: str) -> str:
        return sysfs.read_text(self._sys / "class/block" / name / attribute)
