"""The clock port: the real one, the fake one, and the limit built on either."""

import asyncio
import time

import pytest

from controllers.runtime.clock import SystemClock, within
from tests.harness.clock import FakeClock, settle


async def test_the_system_clock_is_the_systems() -> None:
    clock = SystemClock()
    assert abs(clock.now() - time.monotonic()) < 1
    assert abs(clock.wall() - time.time()) < 1
    await clock.sleep(0)


async def test_the_fake_clock_wakes_in_order_and_only_when_told() -> None:
    clock = FakeClock(now=0, wall=100)
    woken: list[tuple[str, float, float]] = []

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.now(), clock.wall()))

    tasks = [asyncio.create_task(sleep(name, seconds)) for name, seconds in (("b", 2), ("a", 1), ("c", 9))]
    await settle()
    assert woken == []
    assert clock.deadlines() == [1, 2, 9]
    await clock.advance(5)
    assert woken == [("a", 1, 101), ("b", 2, 102)]
    assert (clock.now(), clock.wall()) == (5, 105)
    tasks[2].cancel()
    await settle()
    assert clock.deadlines() == []


async def test_within_returns_what_is_in_time() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 5

    assert await within(FakeClock(), 1, work(), "work") == 5


async def test_within_raises_what_is_raised() -> None:
    async def work() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await within(FakeClock(), 1, work(), "work")


async def test_within_cancels_what_is_late_and_says_what_it_was() -> None:
    clock, cancelled = FakeClock(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    task = asyncio.create_task(within(clock, 3, work(), "the probe"))
    await clock.advance(2.9)
    assert not task.done()
    await clock.advance(0.1)
    with pytest.raises(TimeoutError, match="the probe took longer than 3 s"):
        await task
    await settle()
    assert cancelled.is_set()


async def test_cancelling_within_cancels_the_work() -> None:
    clock, cancelled = FakeClock(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    task = asyncio.create_task(within(clock, 3, work(), "work"))
    await settle()
    task.cancel()
    await settle()
    assert cancelled.is_set()
    assert clock.deadlines() == []
