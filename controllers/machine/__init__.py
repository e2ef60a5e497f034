"""The machine itself: platform, stage, status, kernel modules and settings, files, identity, power, console."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.controller import Controller


def controllers(ports: Ports) -> list[Controller]:
    """Return this domain's controllers. Imports them here, so that importing the package costs nothing."""
    from controllers.machine.console import ConsoleController
    from controllers.machine.emergency import EmergencyController
    from controllers.machine.files_apply import FilesApplyController
    from controllers.machine.identity import IdentityController
    from controllers.machine.memory_apply import MemoryApplyController
    from controllers.machine.meta import MetaController
    from controllers.machine.modules_apply import ModulesApplyController
    from controllers.machine.modules_config import ModulesConfigController
    from controllers.machine.platform import PlatformController
    from controllers.machine.power import PowerController
    from controllers.machine.stage import StageController
    from controllers.machine.status import StatusController
    from controllers.machine.sysctl_apply import SysctlApplyController
    from controllers.machine.sysctl_config import SysctlConfigController
    from controllers.services.supervisor import Supervisor

    supervisor = Supervisor(path=ports.paths.control_socket, timeout=10 * ports.patience)
    return [
        PlatformController(ports),
        StageController(ports),
        StatusController(ports),
        ModulesConfigController(ports),
        ModulesApplyController(ports),
        SysctlConfigController(ports),
        SysctlApplyController(ports),
        MemoryApplyController(ports),
        FilesApplyController(ports),
        IdentityController(ports),
        PowerController(ports, supervisor),
        ConsoleController(ports),
        MetaController(ports),
        EmergencyController(ports),
    ]
