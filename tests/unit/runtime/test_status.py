"""What engine and world are told about controllers, and how often."""

import asyncio

from controllers.runtime.memory import MemoryStore
from controllers.runtime.status import ControllerState, ControllerStatus, StatusBoard
from tests.harness.clock import FakeClock, settle


async def test_real_changes_are_written_at_once_and_counters_later() -> None:
    clock = FakeClock()
    store = MemoryStore(clock)
    board = StatusBoard(store, clock)
    task = asyncio.create_task(board.run())

    async def version() -> int:
        return (await store.get(ControllerStatus, "x")).metadata.version

    await board.publish("x", ControllerStatus())
    assert await version() == 1
    for number in range(1, 50):
        await board.publish("x", ControllerStatus(reconciles=number, last_duration=number / 10))
    await clock.advance(9.9)
    assert await version() == 1
    await clock.advance(0.1)
    assert await version() == 2
    assert (await store.get(ControllerStatus, "x")).spec.reconciles == 49
    await board.publish("x", ControllerStatus(state=ControllerState.WAITING, waits_for="rain", reconciles=50))
    assert await version() == 3
    await board.publish("x", ControllerStatus(state=ControllerState.WAITING, waits_for="rain", reconciles=50))
    await clock.advance(60)
    assert await version() == 3
    assert clock.deadlines() == []
    task.cancel()
    await settle()


async def test_a_real_change_takes_the_counters_along() -> None:
    clock = FakeClock()
    store = MemoryStore(clock)
    board = StatusBoard(store, clock)
    await board.publish("x", ControllerStatus())
    await board.publish("x", ControllerStatus(reconciles=5))
    await board.publish("x", ControllerStatus(reconciles=6, state=ControllerState.CRASHED))
    task = asyncio.create_task(board.run())
    await clock.advance(60)
    resource = await store.get(ControllerStatus, "x")
    assert (resource.metadata.version, resource.metadata.owner, resource.spec.reconciles) == (2, "engine", 6)
    task.cancel()
    await settle()
