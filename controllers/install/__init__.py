"""Installing a node that runs from memory on one of its disks: layout, plan, the work, and how it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controllers.install.ports import InstallPort, MediumPort
    from controllers.ports import Ports
    from controllers.runtime.controller import Controller


def controllers(ports: Ports) -> list[Controller]:
    """Return this domain's controllers. Imports them here, so that importing the package costs nothing."""
    from controllers.install.install_apply import InstallApplyController

    return [InstallApplyController(ports, make_tools)]


def make_tools(ports: Ports) -> tuple[InstallPort, MediumPort]:
    """Return what installs on this machine. Imports it only here: most boots are from a disk and never need it."""
    from controllers.block.luks import Luks
    from controllers.install.medium import NodeMedium
    from controllers.install.target import KernelTarget

    work = ports.paths.run / "install"
    luks = Luks(ports.paths.bin, work / "keys", ports.patience)
    return KernelTarget(ports.paths.bin, work, luks, ports.patience), NodeMedium(ports)
