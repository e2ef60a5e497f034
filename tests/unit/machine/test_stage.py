"""The stage as a resource."""

from typing import Any

from controllers.machine.stage import StageController
from controllers.ports import Ports
from controllers.resources.machine import ConfigStatus, MachineStage, MachineStatus, PowerRequest, ShutdownNotice, Stage
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile

READY = new("machine", MachineStatus(stage=Stage.STARTING, ready=True))
COMPLETE = new("config", ConfigStatus(complete=True))


def stage(*given: Resource[Any], now: Stage | None = None) -> Stage:
    own = [new("machine", MachineStage(stage=now))] if now else []
    [wanted] = run_reconcile(StageController(Ports()), given, own=own)
    assert isinstance(wanted.spec, MachineStage)
    return wanted.spec.stage


def test_from_nothing_to_running() -> None:
    assert stage() is Stage.BOOTING
    assert stage(new("config", ConfigStatus()), now=Stage.BOOTING) is Stage.MAINTENANCE
    assert stage(COMPLETE, now=Stage.MAINTENANCE) is Stage.STARTING
    assert stage(COMPLETE, READY, now=Stage.STARTING) is Stage.RUNNING
    assert stage(COMPLETE, now=Stage.RUNNING) is Stage.RUNNING, "what fails later is the status' business"
    assert stage(COMPLETE, new("power", PowerRequest(action="reboot")), now=Stage.RUNNING) is Stage.SHUTTING_DOWN
    assert stage(COMPLETE, new("init", ShutdownNotice(action="reboot")), now=Stage.RUNNING) is Stage.SHUTTING_DOWN
    assert stage(COMPLETE, now=Stage.SHUTTING_DOWN) is Stage.SHUTTING_DOWN
