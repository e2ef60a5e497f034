"""A reboot: the stage first, then PID 1, once."""

from collections.abc import Sequence
from typing import Any

import pytest

from controllers.machine.power import PowerController
from controllers.ports import Ports
from controllers.resources.machine import MachineStage, PowerRequest, RebootArgument, Stage
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile_async

DOWN = new("machine", MachineStage(stage=Stage.SHUTTING_DOWN))


class FakeSupervisor:
    """Remembers what it was told; refuses while `refusing`."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.extra: tuple[Any, ...] = ()
        self.refusing = False

    async def power(self, action: str, last: Sequence[str] = (), limit: float = 0.0, *, argument: str = "") -> None:
        if self.refusing:
            raise OSError("no connection to PID 1")
        self.told.append(action)
        self.extra = (last, limit, argument)


async def test_without_a_request_nothing_happens() -> None:
    supervisor = FakeSupervisor()
    await run_reconcile_async(PowerController(Ports(), supervisor), [DOWN])
    assert supervisor.told == []


@pytest.mark.parametrize(("asked", "done"), [("reboot", "reboot"), ("poweroff", "poweroff"), ("dance", "reboot")])
async def test_pid_1_is_told_once_and_only_when_the_stage_says_so(asked: str, done: str) -> None:
    supervisor = FakeSupervisor()
    controller = PowerController(Ports(), supervisor)
    request = new("power", PowerRequest(action=asked))
    with pytest.raises(Waiting, match="shutting-down"):
        await run_reconcile_async(controller, [request, new("machine", MachineStage(stage=Stage.RUNNING))])
    for _ in range(3):
        await run_reconcile_async(controller, [request, DOWN])
    assert supervisor.told == [done]


async def test_a_refusal_is_raised_and_tried_again() -> None:
    supervisor = FakeSupervisor()
    supervisor.refusing = True
    controller = PowerController(Ports(), supervisor)
    given: list[Resource[Any]] = [new("power", PowerRequest(action="reboot")), DOWN]
    with pytest.raises(OSError, match="no connection"):
        await run_reconcile_async(controller, given)
    supervisor.refusing = False
    await run_reconcile_async(controller, given)
    assert supervisor.told == ["reboot"]


SAID = new("next", RebootArgument(argument="0 tryboot", program=("/usr/bin/tell", "it"), limit=10.0))


@pytest.mark.parametrize(
    ("action", "extra"), [("reboot", (("/usr/bin/tell", "it"), 20.0, "0 tryboot")), ("poweroff", ((), 0.0, ""))]
)
async def test_every_reboot_carries_what_firmware_is_to_be_told(action: str, extra: tuple[Any, ...]) -> None:
    supervisor = FakeSupervisor()
    given: list[Resource[Any]] = [new("power", PowerRequest(action=action)), DOWN, SAID]
    await run_reconcile_async(PowerController(Ports(patience=2), supervisor), given)
    assert (supervisor.told, supervisor.extra) == ([action], extra)
