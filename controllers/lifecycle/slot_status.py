"""The system disk → `SlotStatus`: what both slots hold, which one runs, which one comes next.

Trap: while a slot is written the disk is busy for minutes and half of it is not true, so what was seen before stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from controllers.lifecycle.errors import LifecycleFault
from controllers.lifecycle.ports import SlotPort
from controllers.ports import Ports
from controllers.resources.block import Disk
from controllers.resources.lifecycle import UPGRADE, SlotStatus, UpgradePhase, UpgradeStatus
from controllers.resources.machine import KernelModuleStatus
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting
from controllers.services.health import MAX_FACTOR

RETRY_INTERVAL = 10.0
"""Seconds to the next look after one that failed, before patience (at most `MAX_FACTOR`)."""

ARMED_INTERVAL = 10.0
"""The same while a slot waits for its try: its boot entry is written a moment after the phase has begun."""


class SlotStatusController(Controller):
    """Looks at the slots, again whenever an upgrade enters another phase, disks change, or the ESP's module is loaded."""

    name = "lifecycle.SlotStatusController"
    inputs = (Input(UpgradeStatus, id=UPGRADE), Input(Disk), Input(KernelModuleStatus, id="vfat"))
    outputs = (Output(SlotStatus),)

    def __init__(self, ports: Ports, slots: SlotPort) -> None:
        self._factor = min(ports.patience, MAX_FACTOR)
        self._slots = slots

    async def reconcile(self, view: View) -> Iterable[Wanted]:
        upgrade = view.find(UpgradeStatus, UPGRADE)
        phase = upgrade.spec.phase if upgrade else None
        if phase is UpgradePhase.WRITING:
            return [Wanted(one.id, one.spec) for one in view.own(SlotStatus)]
        if phase is UpgradePhase.ARMED:
            view.wake_after(ARMED_INTERVAL * self._factor)
        try:
            found = await self._slots.look()
        except LifecycleFault as error:
            view.wake_after(RETRY_INTERVAL * self._factor)
            raise Waiting(f"the slots to be readable: {error.message}") from error
        return [Wanted(id_, status) for id_, status in sorted(found.items())]
