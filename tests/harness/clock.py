"""A clock that moves only when a test says so."""

import asyncio
import heapq
from itertools import count


class FakeClock:
    """Keeps `controllers.runtime.clock.Clock`. Sleepers wake in order of their deadlines while `advance` runs."""

    def __init__(self, now: float = 1000.0, wall: float = 1_800_000_000.0) -> None:
        self._now = now
        self._wall = wall
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def now(self) -> float:
        """Return the fake monotonic time in seconds."""
        return self._now

    def wall(self) -> float:
        """Return the fake seconds since the epoch."""
        return self._wall

    def set_wall(self, wall: float) -> None:
        """Step the calendar; monotonic time stays."""
        self._wall = wall

    async def sleep(self, seconds: float) -> None:
        """Return once `advance` has passed the deadline."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), future))
        await future

    def deadlines(self) -> list[float]:
        """Return how many seconds from now each sleeper wakes, soonest first."""
        return sorted(when - self._now for when, _, future in self._sleepers if not future.done())

    async def advance(self, seconds: float) -> None:
        """Move time on, letting everything run that becomes due, in order."""
        end = self._now + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            when, _, future = heapq.heappop(self._sleepers)
            if future.done():
                continue
            self._wall += max(when - self._now, 0.0)
            self._now = max(when, self._now)
            future.set_result(None)
            await settle()
        self._wall += end - self._now
        self._now = end
        await settle()


async def settle(rounds: int = 50) -> None:
    """Let every task run until all of them wait for something. No time passes."""
    for _ in range(rounds):
        await asyncio.sleep(0)
