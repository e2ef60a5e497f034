"""How a long step goes, told in small pieces: text and fraction, passed on only when somebody could see the difference."""

from __future__ import annotations

from collections.abc import Callable

from controllers.resources.lifecycle import UpgradePhase
from controllers.runtime.clock import Clock

Say = Callable[[str, float], None]
"""Takes what is done now and how much of it is done, from 0 to 1."""

INTERVAL = 0.25
"""Seconds between two reports, unless a step begins or ends."""


class Progress:
    """The present phase, step and fraction. `changed` is called when they are worth showing."""

    def __init__(self, clock: Clock, changed: Callable[[], None]) -> None:
        self._clock = clock
        self._changed = changed
        self._shown = -INTERVAL
        self.phase: UpgradePhase | None = None
        self.step = ""
        self.fraction = 0.0

    def begin(self, phase: UpgradePhase, step: str) -> None:
        """A step begins."""
        self.phase, self.step, self.fraction = phase, step, 0.0
        self._show()

    def say(self, text: str, fraction: float = 0.0) -> None:
        """A step goes on. Fractions outside of 0 to 1 are cut off."""
        news = text != self.step
        self.step, self.fraction = text, round(min(max(fraction, 0.0), 1.0), 3)
        if news or self.fraction >= 1.0 or self._clock.now() - self._shown >= INTERVAL:
            self._show()

    def end(self) -> None:
        """Nothing is under way."""
        self.phase, self.step, self.fraction = None, "", 0.0
        self._show()

    def _show(self) -> None:
        self._shown = self._clock.now()
        self._changed()
