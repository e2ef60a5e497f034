"""What the machine is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.controller import Controller


def controllers(ports: Ports) -> list[Controller]:
    """Return this domain's controllers. Imports them here, so that importing the package costs nothing."""
    from controllers.hardware.announcements import Announcements
    from controllers.hardware.leds_apply import LedsApplyController
    from controllers.hardware.modalias import ModaliasController
    from controllers.hardware.system_info import SystemInfoController

    announcements = Announcements()
    return [
        SystemInfoController(ports),
        ModaliasController(ports, announcements),
        LedsApplyController(ports, announcements),
    ]
