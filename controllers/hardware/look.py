"""What the controllers share that show a part of sysfs: when they look, and where they do not.

A look costs some milliseconds of a small machine, so it is taken when the kernel announces something of the subsystem (not more
often than every `rest` seconds), and every `poll` seconds where sysfs has numbers that change without an announcement, if
there is anything at all to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

from controllers.hardware.announcements import Announcements
from controllers.ports import Ports
from controllers.runtime.controller import Controller, View, Wanted


class Look(Controller):
    """Base. In namespaces there is nothing to see: sysfs is the host's."""

    inline = False
    subsystems: ClassVar[frozenset[str]] = frozenset()
    rest: ClassVar[float] = 2.0
    poll: ClassVar[float] = 0.0

    def __init__(self, ports: Ports, announcements: Announcements) -> None:
        self._sys = ports.paths.sys
        self._hosts = ports.cmdline.get("ophite.platform") == "namespaces"
        self._announcements = announcements
        self._seen: list[Wanted] = []
        self._next = 0.0

    async def run(self, wake: Callable[[], None]) -> None:
        """Wake for announcements that matter."""
        await self._announcements.follow(self.matters, wake)

    def matters(self, event: dict[str, str]) -> bool:
        """Return whether an announcement is a reason to look."""
        return event.get("SUBSYSTEM") in self.subsystems

    def reconcile(self, view: View) -> Iterable[Wanted]:
        if self._hosts:
            return []
        if view.now >= self._next:
            self._seen = list(self.look(self._sys))
            self._next = view.now + self.rest
            if self.poll and self._seen:
                view.wake_after(self.poll)
        else:
            view.wake_after(self._next - view.now)
        return self._seen

    def look(self, sys: Path) -> Iterable[Wanted]:
        """Yield what sysfs shows now."""
        return ()
