"""How a node changes versions and ends: bundles, slots, boot entries, upgrade, rollback, reset."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.controller import Controller


def controllers(ports: Ports) -> list[Controller]:
    """Return this domain's controllers. Imports them here, so that importing the package costs nothing."""
    from controllers.lifecycle.absence_apply import AbsenceController
    from controllers.lifecycle.disk_ports import NodeBundles, NodeSlots
    from controllers.lifecycle.reset_apply import ResetController
    from controllers.lifecycle.reset_hold import ResetHoldController
    from controllers.lifecycle.slot_status import SlotStatusController
    from controllers.lifecycle.uncordon import UncordonController
    from controllers.lifecycle.upgrade import UpgradeController
    from controllers.lifecycle.verify import VerifyController
    from controllers.services.supervisor import Supervisor

    supervisor = Supervisor(path=ports.paths.control_socket, timeout=10 * ports.patience)
    bundles = NodeBundles(ports)
    slots = NodeSlots(ports, bundles)
    return [
        SlotStatusController(ports, slots),
        UpgradeController(ports, bundles, slots),
        VerifyController(ports),
        UncordonController(ports),
        ResetHoldController(ports),
        ResetController(ports, supervisor),
        AbsenceController(ports),
    ]
