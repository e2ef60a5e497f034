"""How far a flash is: a bar with rate and time left on a terminal, a line for every tenth elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from image.flash_target import show_size

STEPS = 10
UNKNOWN_STEP = 256 << 20  # bytes between two lines where the end is not known


class Meter:
    """Shows one step after the other on standard error; `quiet` shows nothing. `now` gives monotonic seconds."""

    def __init__(
        self, *, quiet: bool = False, console: Console | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.console = console or Console(stderr=True, quiet=quiet, highlight=False)
        self._quiet, self._now = quiet, now

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, markup=False, soft_wrap=True)

    @contextmanager
    def step(self, title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """Show a step of `total` bytes, None when nobody knows; gives what is told the bytes that are done besides.

        When it ends well, how long it took is printed.
        """
        started, done = self._now(), 0
        with self._show(title, total) as advance:

            def count(more: int) -> None:
                nonlocal done
                done += more
                advance(more)

            yield count
        seconds = max(self._now() - started, 0.001)
        self.say(f"{title:<10} {show_size(done)} in {seconds:.0f} s, {done / seconds / 1e6:.1f} MB/s")

    @contextmanager
    def _show(self, title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        if self._quiet or not self.console.is_terminal:
            yield self._make_lines(title, total)
            return
        columns = (TextColumn(f"{title:<10}"), BarColumn(), DownloadColumn(binary_units=True))
        with Progress(*columns, TransferSpeedColumn(), TimeRemainingColumn(), console=self.console, transient=True) as bar:
            task = bar.add_task(title, total=total)
            yield lambda more: bar.advance(task, more)

    def _make_lines(self, title: str, total: int | None) -> Callable[[int], None]:
        started, done, shown = self._now(), 0, 0
        step = max(total // STEPS, 1) if total else UNKNOWN_STEP

        def advance(more: int) -> None:
            nonlocal done, shown
            done += more
            if done // step > shown and done != total:
                shown = done // step
                rate = done / max(self._now() - started, 0.001)
                self.say(f"{title:<10} {render_state(done, total, rate)}")

        return advance


def render_state(done: int, total: int | None, rate: float) -> str:
    """How far it is: bytes, bytes, bytes per second."""
    speed = f"{rate / 1e6:.1f} MB/s"
    if not total:
        return f"{show_size(done)}, {speed}"
    left = (total - done) / rate if rate else 0
    return f"{done * 100 // total:3} %, {show_size(done)} of {show_size(total)}, {speed}, {left:.0f} s left"
