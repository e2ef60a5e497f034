"""Reboot and power-off: `PowerRequest` → stage shutting-down → PID 1, which stops everything in order.

A reboot carries what `RebootArgument` says, whoever asked for it: so a version that waits to be tried is tried then.

The stage comes first, so that every controller (and everybody who watches) knows before the services stop. PID 1's own
triggers (power button, ctrl-alt-del, SIGTERM) end in the same shutdown there; `services` shows them as
`ShutdownNotice`, which changes the stage.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from typing import Protocol

from controllers.ports import Ports
from controllers.resources.machine import MachineStage, PowerRequest, RebootArgument, Stage
from controllers.runtime.controller import Controller, Input, View, Wanted
from controllers.runtime.errors import Waiting


class PowerPort(Protocol):
    """What is needed of PID 1."""

    def power(self, action: str, last: Sequence[str] = (), limit: float = 0.0, *, argument: str = "") -> Awaitable[None]:
        """Begin the orderly shutdown that ends with `reboot` or `poweroff`; `Supervisor.power`."""
        ...


class PowerController(Controller):
    """`PowerRequest`, `MachineStage` → PID 1."""

    name = "machine.PowerController"
    inputs = (Input(PowerRequest, id="power"), Input(MachineStage, id="machine"), Input(RebootArgument, id="next"))

    def __init__(self, ports: Ports, supervisor: PowerPort) -> None:
        self._supervisor = supervisor
        self._patience = ports.patience
        self._told: str = ""

    async def reconcile(self, view: View) -> Iterable[Wanted]:
        request = view.find(PowerRequest, "power")
        if request is None or self._told:
            return ()
        if view.get(MachineStage, "machine").spec.stage is not Stage.SHUTTING_DOWN:
            raise Waiting("the stage shutting-down")
        action = request.spec.action if request.spec.action == "poweroff" else "reboot"
        said = view.find(RebootArgument, "next") if action == "reboot" else None
        if said is None:
            await self._supervisor.power(action)
        else:
            limit = said.spec.limit * self._patience
            await self._supervisor.power(action, said.spec.program, limit, argument=said.spec.argument)
        self._told = action
        return ()
