"""Disks, partitions, volumes and mounts."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from controllers.runtime.resource import Part, Spec

BLOCK = "block"


class BlockDevice(Spec, frozen=True, kw_only=True):
    """A block device or partition as sysfs shows it; id = kernel name. Sizes in bytes."""

    namespace: ClassVar[str] = BLOCK
    aliases: ClassVar[tuple[str, ...]] = ("device",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("TYPE", "kind"), ("SIZE", "size"), ("PARENT", "parent"))
    name: str
    path: str
    kind: str
    size: int
    parent: str = ""
    partition_number: int = 0
    read_only: bool = False


class Disk(Spec, frozen=True, kw_only=True):
    """A whole disk; id = kernel name. Sizes in bytes.

    `bus_path`: where it is plugged in (`pci-0000:00:1f.2-ata-1`). `links_by_id`, `links_by_path`: the names that udev would
    give it below /dev/disk. `holds`: what data is on it, "" for nothing but zeros. `in_use_by`: who would miss it.
    """

    namespace: ClassVar[str] = BLOCK
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("SIZE", "size"),
        ("MODEL", "model"),
        ("SERIAL", "serial"),
        ("TRANSPORT", "transport"),
        ("BUS PATH", "bus_path"),
        ("HOLDS", "holds"),
        ("IN USE BY", "in_use_by"),
        ("SYSTEM", "system"),
    )
    quiet_fields: ClassVar[frozenset[str]] = frozenset({"holds", "in_use_by"})
    path: str
    size: int
    model: str = ""
    serial: str = ""
    wwn: str = ""
    transport: str = ""
    subsystem: str = ""
    bus_path: str = ""
    links_by_id: tuple[str, ...] = ()
    links_by_path: tuple[str, ...] = ()
    sector_size: int = 512
    physical_sector_size: int = 512
    rotational: bool = False
    read_only: bool = False
    removable: bool = False
    holds: str = ""
    in_use_by: str = ""
    system: bool = False


class DiscoveredVolume(Spec, frozen=True, kw_only=True):
    """What was found on a device or partition; id = kernel name. `blank`: nothing but zeros where something could be."""

    namespace: ClassVar[str] = BLOCK
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("PARTITION", "partition_label"),
        ("FILE SYSTEM", "filesystem"),
        ("LABEL", "label"),
        ("SIZE", "size"),
    )
    path: str
    size: int
    parent: str = ""
    partition_label: str = ""
    partition_uuid: str = ""
    partition_type: str = ""
    filesystem: str = ""
    label: str = ""
    uuid: str = ""
    blank: bool = False
    error: str = ""


class VolumePhase(StrEnum):
    """The life of a volume; which may follow which is the table in `controllers.block.volume_phases`."""

    WAITING = "waiting"
    """For a disk, a module, the configuration, or a volume that comes first."""
    MISSING = "missing"
    """Looked for, and it is not there; nothing is made without a complete configuration."""
    LOCATED = "located"
    """Its place is known, and what has to be done there."""
    PROVISIONED = "provisioned"
    """Its partition and file system exist; it is not in use yet."""
    READY = "ready"
    """In use, or for a raw partition: there to be used."""
    CLOSED = "closed"
    """Nobody asks for it any more: not in use, its data left where it is."""
    FAILED = "failed"
    """Something is in the way; the reason says what."""


class VolumeKind(StrEnum):
    """What is made of a partition."""

    FILESYSTEM = "filesystem"
    RAW = "raw"
    SWAP = "swap"
    EXISTING = "existing"


class VolumeMatch(Part, frozen=True, kw_only=True):
    """Which file system an existing volume is: all that is given has to be equal."""

    label: str = ""
    uuid: str = ""
    partition_label: str = ""


class VolumeSpec(Spec, frozen=True, kw_only=True):
    """A wanted volume; id = its label: the name of its partition (`STATE`, `u-data`), or `e-NAME` of an existing one.

    `min_size` and `max_size` in bytes, `max_percent` of its disk; 0 = no limit. `system`: on the system disk, else on one
    of `disks` (kernel names); `problem` says why there is not exactly one. `grow`: into free room behind it.
    """

    namespace: ClassVar[str] = BLOCK
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("KIND", "kind"),
        ("MOUNT", "mount_point"),
        ("FILE SYSTEM", "filesystem"),
        ("MIN", "min_size"),
        ("MAX", "max_size"),
        ("ENCRYPTED", "encrypted"),
    )
    label: str
    mount_point: str = ""
    partition_type: str = ""
    kind: VolumeKind = VolumeKind.FILESYSTEM
    filesystem: str = "ext4"
    min_size: int = 0
    max_size: int = 0
    max_percent: int = 0
    system: bool = False
    disks: tuple[str, ...] = ()
    problem: str = ""
    grow: bool = False
    executable: bool = False
    encrypted: bool = False
    read_only: bool = False
    priority: int = -1
    match: VolumeMatch = VolumeMatch()


class VolumeStatus(Spec, frozen=True, kw_only=True):
    """How far a volume got; id = its label. `device` is a path, `mounted` says that it is in place.

    `disk` is the kernel name of its disk. `encrypted`: what is really there, whatever the configuration asks for.
    """

    namespace: ClassVar[str] = BLOCK
    aliases: ClassVar[tuple[str, ...]] = ("volume",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("PHASE", "phase"),
        ("KIND", "kind"),
        ("DEVICE", "device"),
        ("MOUNT", "mount_point"),
        ("SIZE", "size"),
        ("ENCRYPTED", "encrypted"),
        ("ERROR", "error"),
    )
    phase: VolumePhase
    kind: VolumeKind = VolumeKind.FILESYSTEM
    mount_point: str = ""
    device: str = ""
    disk: str = ""
    size: int = 0
    mounted: bool = False
    encrypted: bool = False
    error: str = ""


class MountStatus(Spec, frozen=True, kw_only=True):
    """A mounted file system; id = its target."""

    namespace: ClassVar[str] = BLOCK
    aliases: ClassVar[tuple[str, ...]] = ("mount",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("SOURCE", "source"),
        ("TYPE", "filesystem"),
        ("OPTIONS", "options"),
    )
    source: str
    target: str
    filesystem: str
    options: str = ""
