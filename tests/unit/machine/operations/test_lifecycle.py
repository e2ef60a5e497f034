"""Asking for an upgrade: what is refused before anything begins, and what the controller gets to see."""

import pytest

from controllers.machine.operations.lifecycle import Rollback, Upgrade, ask, check_request
from controllers.resources.lifecycle import UPGRADE, UpgradePhase, UpgradeRequest, UpgradeStatus
from controllers.resources.machine import PowerRequest
from controllers.runtime.errors import OperationError
from controllers.runtime.memory import MemoryStore
from controllers.runtime.resource import new, replace

URL = "https://example.org/ophite.bundle"


async def request(store: MemoryStore, source: str = URL, **options: bool) -> str:
    return await ask(store, Upgrade(source=source, **options), source, "", 1.0)


async def show(store: MemoryStore, name: str, phase: UpgradePhase) -> None:
    status = UpgradeStatus(phase=phase, request=name, step="a step")
    found = await store.find(UpgradeStatus, UPGRADE)
    if found is None:
        await store.create(new(UPGRADE, status, owner="lifecycle"))
    else:
        await store.update(replace(found, status), owner="lifecycle")


async def test_a_request_is_a_resource_with_a_name_of_its_own() -> None:
    store = MemoryStore()
    name = await request(store, force=True)
    made = (await store.get(UpgradeRequest, UPGRADE)).spec
    assert made == UpgradeRequest(request=name, source=URL, force=True)
    await show(store, name, UpgradePhase.FAILED)
    again = await request(store)
    assert again != name
    assert (await store.get(UpgradeRequest, UPGRADE)).spec.request == again


@pytest.mark.parametrize("source", ["", "http://h/x", "file:///etc/passwd", "rollback", "https://" + "x" * 3000, "/tmp/x"])
def test_sources_that_are_none(source: str) -> None:
    with pytest.raises(OperationError) as refused:
        check_request(Upgrade(source=source), source)
    assert refused.value.code == "invalid_argument"


@pytest.mark.parametrize("window", [1.0, 29.0, 90000.0, -5.0, float("nan"), float("inf")])
def test_windows_that_are_none(window: float) -> None:
    with pytest.raises(OperationError, match="a window of"):
        check_request(Rollback(window=window), "rollback")


async def test_only_one_at_a_time() -> None:
    store = MemoryStore()
    name = await request(store)
    with pytest.raises(OperationError, match="was just asked for"):
        await request(store)
    for phase in (UpgradePhase.FETCHING, UpgradePhase.WRITING, UpgradePhase.ARMED, UpgradePhase.VERIFYING):
        await show(store, name, phase)
        with pytest.raises(OperationError, match=f"under way: {phase}, a step"):
            await request(store)


async def test_one_that_waits_for_the_reboot_may_be_replaced() -> None:
    store = MemoryStore()
    name = await request(store, stage=True)
    await show(store, name, UpgradePhase.ARMED)
    assert await request(store) != name


async def test_a_machine_that_goes_down_begins_nothing() -> None:
    store = MemoryStore()
    await store.create(new("power", PowerRequest(action="reboot")))
    with pytest.raises(OperationError, match="shutting down"):
        await request(store)
