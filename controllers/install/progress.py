"""How an installation goes: which step, how much of the whole, how fast. Told from threads, shown at most twice a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from controllers.runtime.clock import Clock


class Step(Protocol):
    """What is told of a step. `weight` in bytes, more or less."""

    @property
    def weight(self) -> int:
        """How much of the whole it is."""
        ...

    def describe(self) -> str:
        """Say what is done."""
        ...


INTERVAL = 0.5
"""Seconds between two looks at a number that only grows."""


class Progress:
    """The present step. `changed` is called, from any thread, when there is something new to show.

    `percent` of the whole by the weights of the steps; `rate` in MB/s (10^6 bytes) while and after the root image is written.
    """

    def __init__(self, clock: Clock, changed: Callable[[], None], begun: Callable[[str], None] = lambda text: None) -> None:
        self._clock = clock
        self._changed = changed
        self._begun = begun
        self._total = self._before = 0
        self._step: Step | None = None
        self._measured: Step | None = None
        self._since = self._shown = 0.0
        self.text = ""
        self.percent = 0
        self.rate = 0

    def say(self, text: str) -> None:
        """Something is done that is no step of the plan."""
        self._step, self.text = None, text
        self._begun(text)
        self._changed()

    def note(self, text: str, fraction: float) -> None:
        """What is done goes on; `fraction` of it is done, 0 to 1. The percentage stays: it is of the steps."""
        self.text = f"{text}: {int(100 * min(fraction, 1.0))} %"
        self._show(now=False)

    def plan(self, steps: Sequence[Step], measured: Step | None = None) -> None:
        """These steps follow. In: `measured`, the one whose weight is exactly what it writes: its speed is told."""
        self._total, self._before, self._measured = sum(one.weight for one in steps), 0, measured

    def begin(self, step: Step) -> None:
        """A step begins; the one before it is done."""
        if self._step is not None:
            self._before += self._step.weight
        self._step, self.text, self._since = step, step.describe(), self._clock.now()
        self._begun(self.text)
        self.advance(0.0, now=True)

    def advance(self, fraction: float, *, now: bool = False) -> None:
        """So much of the present step is done, 0 to 1."""
        if self._step is None:
            return
        time = self._clock.now()
        self.percent = int(100 * (self._before + self._step.weight * min(fraction, 1.0)) / max(self._total, 1))
        if self._step is self._measured and fraction > 0 and time > self._since:
            self.rate = round(fraction * self._step.weight / (time - self._since) / 1e6)
        self._show(now=now)

    def _show(self, *, now: bool) -> None:
        time = self._clock.now()
        if now or time - self._shown >= INTERVAL:
            self._shown = time
            self._changed()

    def end(self, text: str) -> None:
        """All is done."""
        self._step, self.text, self.percent = None, text, 100
        self._changed()
