"""`power` asked for again: the same is fine, and with force PID 1 ends it at once."""

from typing import Any

import pytest

from controllers.resources.machine import PlatformInfo
from controllers.runtime.errors import OperationError
from controllers.runtime.resource import new
from controllers.services.errors import ControlError
from controllers.services.supervisor import Supervisor


@pytest.fixture
async def told(table: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """What PID 1 hears."""
    heard: list[tuple[str, bool]] = []

    async def power(_: Supervisor, action: str, *, force: bool = False) -> None:
        heard.append((action, force))

    monkeypatch.setattr(Supervisor, "power", power)
    await table.store.create(new("platform", PlatformInfo(platform="metal", boot_id="b1")))
    return heard


async def test_only_a_second_request_with_force_goes_to_pid_1(table: Any, told: list[tuple[str, bool]]) -> None:
    await table.call("power", action="reboot", force=True)
    await table.call("power", action="reboot")
    assert told == []
    await table.call("power", action="reboot", force=True)
    assert told == [("reboot", True)]


async def test_another_action_is_refused_also_with_force(table: Any, told: list[tuple[str, bool]]) -> None:
    await table.call("power", action="reboot")
    with pytest.raises(OperationError, match="about to reboot already"):
        await table.call("power", action="poweroff", force=True)
    assert told == []


async def test_a_pid_1_that_does_not_answer_is_said(
    table: Any, told: list[tuple[str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise ControlError("no connection to PID 1")

    await table.call("power", action="reboot")
    monkeypatch.setattr(Supervisor, "power", refuse)
    with pytest.raises(OperationError, match="no connection to PID 1"):
        await table.call("power", action="reboot", force=True)
