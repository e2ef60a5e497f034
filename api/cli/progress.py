"""Progress of something that takes minutes: one line that changes on a terminal, a line for every change elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Protocol

import click


class Clock(Protocol):
    """Time, so that tests need not wait."""

    def now(self) -> float:
        """Return monotonic seconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after that long."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Suspend the program."""
        time.sleep(seconds)


Say = Callable[[str], None]
"""Tells the user what is waited for now."""


@contextlib.contextmanager
def show_progress(clock: Clock) -> Iterator[Say]:
    """Give a function that shows what is waited for, with the seconds since the start."""
    begin = clock.now()
    last = ""

    def say_line(text: str) -> None:
        nonlocal last
        if text != last:
            click.echo(f"[{clock.now() - begin:4.0f} s] {text}", err=True)
        last = text

    if not sys.stderr.isatty():
        yield say_line
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns: tuple[Any, ...] = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("")
        yield lambda text: progress.update(task, description=text)


class Duration(click.ParamType[float]):
    """Seconds, or a number with `s`, `m` or `h`: `90`, `90s`, `10m`."""

    name = "duration"
    units: ClassVar[dict[str, int]] = {"s": 1, "m": 60, "h": 3600}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        if isinstance(value, int | float):
            return float(value)
        text = str(value).strip().lower()
        unit = self.units.get(text[-1:], 1)
        try:
            seconds = float(text.rstrip("smh")) * unit
        except ValueError:
            self.fail(f"{value!r} is no duration; write 90, 90s, 10m or 1h", param, ctx)
        if not 0 <= seconds <= 7 * 24 * 3600:
            self.fail(f"{value!r} is not between 0 and a week", param, ctx)
        return seconds


def timeout_option(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `--timeout`."""
    help_ = "How long to wait: 90, 90s, 10m."
    return click.option("--timeout", type=Duration(), default=default, show_default=True, help=help_)
