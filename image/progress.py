"""What the user sees of a build: a bar that names the step, and the time that each one took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from image.context import ImageResult

MIB = 1 << 20


class Progress:
    """Prints to standard error; `quiet` prints nothing."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False)
        columns = (TextColumn("{task.description:<18}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
        self.bar = Bar(*columns, TimeElapsedColumn(), console=self.console, transient=True, disable=quiet)
        self.task = self.bar.add_task("", total=1)

    def __enter__(self) -> Progress:
        self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.bar.stop()

    @contextmanager
    def step(self, name: str, total: int) -> Iterator[None]:
        """Show that `name` runs; when it is done, print how long it took."""
        self.bar.update(self.task, description=name, total=total)
        started = time.monotonic()
        yield
        self.console.print(f"{name:<18} {time.monotonic() - started:7.1f} s")
        self.bar.advance(self.task)

    def report(self, result: ImageResult) -> None:
        """The measures of the finished image."""
        rows = (
            ("root image", f"{result.root_bytes / MIB:.1f} MiB ({result.tree_bytes / MIB:.1f} MiB of files)"),
            ("initramfs", f"{result.initramfs_bytes / MIB:.1f} MiB"),
            ("boot files", f"{result.boot_bytes / MIB:.1f} MiB"),
            *((name, f"{size / MIB:.0f} MiB ({used / MIB:.0f} MiB used)") for name, (size, used) in result.form_bytes.items()),
            ("executables", str(result.executables)),
            ("root hash", result.root_hash),
            ("time", f"{result.seconds:.1f} s"),
            ("output", str(result.output)),
        )
        for name, text in rows:
            self.console.print(f"{name:<18} {text}", soft_wrap=True)
