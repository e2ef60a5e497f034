"""Base of the controllers that observe the kernel: read anew whenever the multicast socket rings.

Pod networks come and go with every pod; the short pause after a change reads many of them at once.
"""

from collections.abc import Callable

from controllers.network.netlink import Netlink
from controllers.runtime.clock import Clock
from controllers.runtime.controller import Controller

PAUSE_SECONDS = 0.05


class KernelStatusController(Controller):
    """Wakes on every change of links, addresses and routes."""

    def __init__(self, netlink: Netlink, clock: Clock) -> None:
        self._netlink = netlink
        self._clock = clock

    async def run(self, wake: Callable[[], None]) -> None:
        """Ring the bell."""
        wake()
        async for _ in self._netlink.changes():
            wake()
            await self._clock.sleep(PAUSE_SECONDS)
            wake()

    async def close(self) -> None:
        """Close the port; it is shared, and closing again is fine."""
        await self._netlink.close()
