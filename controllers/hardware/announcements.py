"""One socket for the kernel's announcements of devices, shared by all controllers of this domain.

Trap: starting a pod announces dozens of things (links, queues, block devices); a controller is woken only for what it cares
about, so that an idle node stays idle.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from controllers.block import uevents

Listen = Callable[[], AsyncIterator[dict[str, str]]]
Wants = Callable[[dict[str, str]], bool]


class Announcements:
    """Wakes controllers. In: `listen`, yields the fields of each event, and none of them where some were lost."""

    def __init__(self, listen: Listen = uevents.listen) -> None:
        self._listen = listen
        self._followers: dict[object, tuple[Wants, Callable[[], None]]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def follow(self, wants: Wants, wake: Callable[[], None]) -> None:
        """Wake once at the start and then for every event that `wants` says yes to. Raises `OSError` when listening fails."""
        key = object()
        self._followers[key] = (wants, wake)
        wake()
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        reader = self._reader
        try:
            await asyncio.shield(reader)
        finally:
            del self._followers[key]
            if not self._followers:
                self._reader = None  # whoever comes from now on begins anew
                reader.cancel()
                await asyncio.wait([reader])

    async def _read(self) -> None:
        async for event in self._listen():
            for wants, wake in list(self._followers.values()):
                if not event or wants(event):
                    wake()
            await asyncio.sleep(0)


def of(subsystem: str) -> Wants:
    """Return the question whether an event tells of a device of this subsystem."""
    return lambda event: event.get("SUBSYSTEM") == subsystem
