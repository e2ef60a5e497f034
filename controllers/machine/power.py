"""Reboot and power-off: `PowerRequest` → stage shutting-down → PID 1, which stops everything in order.

The stage comes first, so that every controller (and everybody who watches) knows before the services stop. PID 1's own
triggers (power button, ctrl-alt-del, SIGTERM) end in the same shutdown there; `services` shows them as
`ShutdownNotice`, which changes the stage.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Protocol

from controllers.ports import Ports
from controllers.resources.machine import MachineStage, PowerRequest, Stage
from controllers.runtime.controller import Controller, Input, View, Wanted
from controllers.runtime.errors import Waiting


class PowerPort(Protocol):
    """What is needed of PID 1."""

    def power(self, action: str) -> Awaitable[None]:
        """Begin the orderly shutdown that ends with `reboot` or `poweroff`."""
        ...


class PowerController(Controller):
    """`PowerRequest`, `MachineStage` → PID 1."""

    name = "machine.PowerController"
    inputs = (Input(PowerRequest, id="power"), Input(MachineStage, id="machine"))

    def __init__(self, ports: Ports, supervisor: PowerPort) -> None:
        self._supervisor = supervisor
        self._told: str = ""

    async def reconcile(self, view: View) -> Iterable[Wanted]:
        request = view.find(PowerRequest, "power")
        if request is None or self._told:
            return ()
        if view.get(MachineStage, "machine").spec.stage is not Stage.SHUTTING_DOWN:
            raise Waiting("the stage shutting-down")
        action = request.spec.action if request.spec.action == "poweroff" else "reboot"
        await self._supervisor.power(action)
        self._told = action
        return ()
