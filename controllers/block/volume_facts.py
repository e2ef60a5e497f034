"""What the volume controller reads, gathered once per reconcile, and the keys of encrypted volumes."""

from __future__ import annotations

from collections.abc import Container
from typing import TypeVar

from controllers.block.luks import SlotKey
from controllers.block.luks_keys import LuksError, node_key, resolve_keys
from controllers.block.volume_locate import Facts
from controllers.block.volume_plan import STATE
from controllers.block.volume_run import Keys
from controllers.config.documents.encryption import Encryption
from controllers.config.documents.install_config import InstallConfig
from controllers.config.documents.user_volume_config import UserVolumeConfig
from controllers.config.documents.volume_config import VolumeConfig
from controllers.ports import Ports
from controllers.resources.block import BlockDevice, DiscoveredVolume, Disk, VolumeSpec
from controllers.resources.hardware import SystemInformation
from controllers.resources.install import InstallRequest
from controllers.resources.machine import ConfigStatus, KernelModuleStatus, PlatformInfo
from controllers.resources.reset import RESET, ResetHold
from controllers.runtime.controller import Input, View
from controllers.runtime.resource import Spec

SETTLE = 3.0
"""Seconds (times patience) in which a disk may still appear before the answer is "no disk"."""
MODULES = ("dm_crypt", "ext4", "vfat", "xfs")
INPUTS = (
    Input(VolumeSpec),
    Input(BlockDevice),
    Input(DiscoveredVolume),
    Input(Disk),
    Input(VolumeConfig),
    Input(UserVolumeConfig),
    Input(InstallConfig),
    Input(InstallRequest, id="install"),
    Input(ConfigStatus, id="config"),
    Input(PlatformInfo, id="platform"),
    Input(SystemInformation, id="system"),
    Input(ResetHold, id=RESET),
    *(Input(KernelModuleStatus, id=name) for name in MODULES),
)
"""The documents are read for their keys, so that no secret is copied into a `VolumeSpec`."""

S = TypeVar("S", bound=Spec)


def is_settled(view: View, volumes: Container[str], age: float, patience: float) -> bool:
    """Return whether each device was looked at, and new ones had their time to appear.

    In: `volumes` by kernel name; `age`: seconds since the first look.
    """
    return age >= SETTLE * patience and all(one.id in volumes for one in view.list(BlockDevice))


def gather_facts(view: View, ports: Ports, age: float) -> Facts:
    """Return what is known now. In: `age`, seconds since this was asked first."""
    volumes = _by_id(view, DiscoveredVolume)
    config = view.find(ConfigStatus, "config")
    hold = view.find(ResetHold, RESET)
    from_memory = ports.cmdline.get("ophite.root", "") in ("iso", "initramfs")
    return Facts(
        disks=_by_id(view, Disk),
        volumes=volumes,
        modules=_by_id(view, KernelModuleStatus),
        settled=is_settled(view, volumes, age, ports.patience),
        configured=config is not None and config.spec.complete,
        installing=from_memory and bool(view.list(InstallConfig) or view.find(InstallRequest, "install")),
        reset=hold.spec if hold else None,
        namespaces=view.get(PlatformInfo, "platform").spec.platform == "namespaces",
    )


def find_encryption(view: View, label: str) -> Encryption | None:
    """Return how the configuration locks a volume, or None."""
    for volume in view.list(VolumeConfig):
        if volume.spec.name == label:
            return volume.spec.encryption
    for user in view.list(UserVolumeConfig):
        if f"u-{user.spec.name}" == label:
            return user.spec.encryption
    return None


def keys_of(view: View, label: str) -> Keys:
    """Return how the keys of a volume are found; nothing is derived before somebody asks.

    STATE has to be opened before there is a configuration to say how: with the key of the machine itself.
    """
    encryption = find_encryption(view, label)
    system = view.find(SystemInformation, "system")

    def find(partition_uuid: str) -> tuple[SlotKey, ...]:
        if system is None:
            raise LuksError("the firmware's information has not been read yet")
        if encryption is not None:
            return resolve_keys(encryption, system.spec, partition_uuid)
        if label == STATE:
            return (node_key(0, system.spec, partition_uuid),)
        raise LuksError(f"the configuration has no key for {label}")

    return find


def _by_id(view: View, type_: type[S]) -> dict[str, S]:
    return {one.id: one.spec for one in view.list(type_)}
