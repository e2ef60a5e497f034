"""Time as a port, so that tests never sleep.

`now` is for intervals and never jumps; `wall` is the calendar and may. `sleep` is the only way to wait in the runtime.
"""

import asyncio
import time
from collections.abc import Awaitable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> float:
        """Return monotonic seconds."""
        ...

    def wall(self) -> float:
        """Return seconds since the epoch; wrong until the node's time is set."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of monotonic time."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return CLOCK_MONOTONIC (clock_gettime(2)) in seconds."""
        return time.monotonic()

    def wall(self) -> float:
        """Return CLOCK_REALTIME in seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Suspend the calling task."""
        await asyncio.sleep(seconds)


async def within(clock: Clock, seconds: float, work: Awaitable[T], what: str) -> T:
    """Return the result of `work`; cancel it and raise `TimeoutError` that names `what` when it takes longer."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(_forget)
    alarm = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((task, alarm), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise TimeoutError(f"{what} took longer than {seconds:g} s")
    finally:
        alarm.cancel()
        task.cancel()


def _forget(task: asyncio.Future[T]) -> None:
    """Look at the result, so that asyncio does not complain about one that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
