"""Disks, partitions and volumes: seen, planned, made, mounted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.controller import Controller


def controllers(ports: Ports) -> list[Controller]:
    """Return this domain's controllers. Imports them here, so that importing the package costs nothing."""
    from controllers.block.devices import DevicesController
    from controllers.block.discovery import DiscoveryController, Refresh
    from controllers.block.disks import DisksController
    from controllers.block.kernel import KernelDisks
    from controllers.block.luks import Luks
    from controllers.block.mounts import MountsController
    from controllers.block.volume_apply import VolumeApplyController
    from controllers.block.volume_config import VolumeConfigController

    refresh = Refresh()
    disks = KernelDisks(ports.paths.bin, ports.patience, ports.paths.sys)
    luks = Luks(ports.paths.bin, ports.paths.run / "luks", ports.patience)
    return [
        DevicesController(ports),
        DiscoveryController(ports, refresh),
        DisksController(ports),
        VolumeConfigController(ports),
        VolumeApplyController(ports, disks, luks, refresh),
        MountsController(ports),
    ]
