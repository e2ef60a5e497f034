"""What the machine is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.controller import Controller


def controllers(ports: Ports) -> list[Controller]:
    """Return this domain's controllers. Imports them here, so that importing the package costs nothing."""
    from controllers.hardware.announcements import Announcements
    from controllers.hardware.drive_health_status import DriveHealthStatusController
    from controllers.hardware.leds_apply import LedsApplyController
    from controllers.hardware.memory_errors_status import MemoryErrorsStatusController
    from controllers.hardware.memory_modules_status import MemoryModulesStatusController
    from controllers.hardware.modalias import ModaliasController
    from controllers.hardware.pci_status import PciStatusController
    from controllers.hardware.sensors_status import SensorsStatusController
    from controllers.hardware.summary import SummaryController
    from controllers.hardware.system_info import SystemInfoController
    from controllers.hardware.usb_status import UsbStatusController

    announcements = Announcements()
    return [
        SystemInfoController(ports),
        MemoryModulesStatusController(ports),
        ModaliasController(ports, announcements),
        LedsApplyController(ports, announcements),
        PciStatusController(ports, announcements),
        UsbStatusController(ports, announcements),
        SensorsStatusController(ports, announcements),
        MemoryErrorsStatusController(ports, announcements),
        DriveHealthStatusController(ports),
        SummaryController(ports),
    ]
