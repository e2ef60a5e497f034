"""Disks, partitions, volumes and mounts."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from controllers.runtime.resource import Spec

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
    """A whole disk; id = kernel name."""

    namespace: ClassVar[str] = BLOCK
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("SIZE", "size"),
        ("MODEL", "model"),
        ("SERIAL", "serial"),
        ("TRANSPORT", "transport"),
        ("READ ONLY", "read_only"),
        ("SYSTEM", "system"),
    )
    path: str
    size: int
    model: str = ""
    serial: str = ""
    transport: str = ""
    rotational: bool = False
    read_only: bool = False
    removable: bool = False
    system: bool = False


class DiscoveredVolume(Spec, frozen=True, kw_only=True):
    """What was found on a device or partition; id = kernel name."""

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
    error: str = ""


class VolumePhase(StrEnum):
    """The life of a volume."""

    WAITING = "waiting"
    MISSING = "missing"
    LOCATED = "located"
    PROVISIONED = "provisioned"
    READY = "ready"
    FAILED = "failed"


class VolumeSpec(Spec, frozen=True, kw_only=True):
    """A wanted volume; id = its label (`STATE`, `EPHEMERAL`). `max_size` in bytes, 0 = all that is free."""

    namespace: ClassVar[str] = BLOCK
    label: str
    mount_point: str
    partition_type: str
    filesystem: str = "ext4"
    min_size: int = 0
    max_size: int = 0


class VolumeStatus(Spec, frozen=True, kw_only=True):
    """How far a volume got; id = its label. `device` is a path, `mounted` says that it is in place."""

    namespace: ClassVar[str] = BLOCK
    aliases: ClassVar[tuple[str, ...]] = ("volume",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("PHASE", "phase"),
        ("DEVICE", "device"),
        ("MOUNT", "mount_point"),
        ("SIZE", "size"),
        ("ERROR", "error"),
    )
    phase: VolumePhase
    mount_point: str = ""
    device: str = ""
    size: int = 0
    mounted: bool = False
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
