"""The system disk → `SlotStatus`: what both slots hold, which one runs, which one comes next."""

from __future__ import annotations

from collections.abc import Iterable

from controllers.lifecycle.errors import LifecycleFault
from controllers.lifecycle.ports import SlotPort
from controllers.ports import Ports
from controllers.resources.block import Disk
from controllers.resources.lifecycle import SlotStatus, UpgradeStatus
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting

LOOK_INTERVAL = 30.0
"""Seconds to the next look after one that failed, before patience."""


class SlotStatusController(Controller):
    """Looks at the slots, again whenever an upgrade enters another phase or disks change."""

    name = "lifecycle.SlotStatusController"
    inputs = (Input(UpgradeStatus), Input(Disk))
    outputs = (Output(SlotStatus),)

    def __init__(self, ports: Ports, slots: SlotPort) -> None:
        self._patience = ports.patience
        self._slots = slots

    async def reconcile(self, view: View) -> Iterable[Wanted]:
        try:
            found = await self._slots.look()
        except LifecycleFault as error:
            view.wake_after(LOOK_INTERVAL * self._patience)
            raise Waiting(f"the slots to be readable: {error.message}") from error
        return [Wanted(id_, status) for id_, status in sorted(found.items())]
