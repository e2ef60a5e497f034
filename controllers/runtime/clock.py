"""Time as a port, so that tests never sleep.

`now` is for intervals and never jumps; `wall` is the calendar and may. `sleep` is the only way to wait in the runtime.
"""

import asyncio
import time
from typing import Protocol


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
