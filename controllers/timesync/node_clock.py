"""The wall clock as timesync uses it: a port, so that no test ever sets the machine's clock."""

import time
from typing import Protocol

from init.linux import clock


class NodeClock(Protocol):
    """Reads and sets the wall clock. Setting raises `OSError` where that is not allowed."""

    def wall(self) -> float:
        """Return seconds since the epoch."""
        ...

    def step(self, offset: float) -> None:
        """Add `offset` seconds at once."""
        ...

    def slew(self, offset: float) -> None:
        """Add `offset` seconds (at most ±0.5) little by little."""
        ...

    def mark_synchronised(self, error: float) -> None:
        """Tell the kernel that the clock is right within `error` seconds."""
        ...


class KernelNodeClock:
    """The machine's."""

    def wall(self) -> float:
        """Return CLOCK_REALTIME."""
        return time.time()

    def step(self, offset: float) -> None:
        """Set CLOCK_REALTIME."""
        clock.step(time.time() + offset)

    def slew(self, offset: float) -> None:
        """Call adjtimex(2)."""
        clock.slew(offset)

    def mark_synchronised(self, error: float) -> None:
        """Call adjtimex(2); the kernel then keeps the hardware clock right too."""
        clock.mark_synchronised(error)
