"""What the machine is doing: `ConfigStatus`, `MachineStatus`, `PowerRequest`, `ShutdownNotice` → `MachineStage`.

Wanted is the stage that the facts ask for; taken is what the table of transitions allows from the present one.
"""

from __future__ import annotations

from collections.abc import Iterable

from controllers.machine.transitions import is_allowed
from controllers.ports import Ports
from controllers.resources.machine import ConfigStatus, MachineStage, MachineStatus, PowerRequest, ShutdownNotice, Stage
from controllers.runtime.controller import Controller, Input, Output, View, Wanted


def wanted_stage(acquired: bool, complete: bool, ready: bool, power: bool) -> Stage:
    """Return the stage that the facts ask for.

    In: `acquired`, the search for a configuration has ended; `complete`, with one that is enough; `ready`, everything
    that it asks for is there; `power`, somebody asked for a reboot or power-off.
    """
    if power:
        return Stage.SHUTTING_DOWN
    if complete:
        return Stage.RUNNING if ready else Stage.STARTING
    return Stage.MAINTENANCE if acquired else Stage.BOOTING


def next_stage(now: Stage, wanted: Stage) -> Stage:
    """Return the stage to be in: `wanted`, or the one on the way to it, or the present one."""
    if is_allowed(now, wanted):
        return wanted
    if wanted is Stage.RUNNING and is_allowed(now, Stage.STARTING):
        return Stage.STARTING
    return now


class StageController(Controller):
    """`ConfigStatus`, `MachineStatus`, `PowerRequest`, `ShutdownNotice` → `MachineStage`."""

    name = "machine.StageController"
    inputs = (
        Input(ConfigStatus, id="config"),
        Input(MachineStatus, id="machine"),
        Input(PowerRequest, id="power"),
        Input(ShutdownNotice, id="init"),
    )
    outputs = (Output(MachineStage),)

    def __init__(self, ports: Ports) -> None:
        """In: nothing of `ports` is needed; every controller is made the same way."""

    def reconcile(self, view: View) -> Iterable[Wanted]:
        own = view.own(MachineStage)
        now = own[0].spec.stage if own else Stage.BOOTING
        config, status = view.find(ConfigStatus, "config"), view.find(MachineStatus, "machine")
        wanted = wanted_stage(
            acquired=config is not None,
            complete=config is not None and config.spec.complete,
            ready=status is not None and status.spec.ready,
            power=bool(view.find(PowerRequest, "power") or view.find(ShutdownNotice, "init")),
        )
        return [Wanted("machine", MachineStage(stage=next_stage(now, wanted)))]
