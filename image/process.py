"""A process that outlives the command that started it, found again by a later one.

A pid alone may belong to somebody else by then, so it is written down together with the start time that the kernel keeps
for it (proc(5), field 22 of /proc/PID/stat), and only a process with both is ever signalled.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from image.errors import ImageError

POLL = 0.05  # seconds between two looks at a process that is ending
STAT_START_TIME = 19  # index of field 22 behind the command name, proc(5)


def find_start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None when it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[STAT_START_TIME])


@dataclass(frozen=True)
class Process:
    """One process: its id and its start time in clock ticks since boot."""

    pid: int
    started: int

    @classmethod
    def start(cls, argv: Sequence[str | Path], *, cwd: Path, log: Path, stdin: int = subprocess.DEVNULL) -> Process:
        """Start `argv` in a session of its own, in `cwd`, with its output appended to `log`; raises `ImageError`."""
        with log.open("ab") as output:
            try:
                child = subprocess.Popen(
                    [str(word) for word in argv],
                    cwd=cwd,
                    stdin=stdin,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            except OSError as error:
                raise ImageError(f"{argv[0]}: {error.strerror}", "is it installed, and may you run it?") from error
        started = find_start_time(child.pid)
        if started is None:
            raise ImageError(f"{argv[0]}: ended at once with status {child.wait()}", f"its last words are in {log}")
        child.returncode = 0  # it stays when this command ends; nobody here waits for it
        return cls(child.pid, started)

    @classmethod
    def parse(cls, text: str) -> Process:
        """The inverse of `render`."""
        pid, started = text.split()
        return cls(int(pid), int(started))

    def render(self) -> str:
        """One line that `parse` reads back."""
        return f"{self.pid} {self.started}\n"

    def is_alive(self) -> bool:
        """Does exactly this process still run?"""
        reap(self.pid)
        return find_start_time(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process is gone."""
        if self.is_alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False when it still runs after `seconds`."""
        deadline = time.monotonic() + seconds
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL)
        return True

    def stop(self, seconds: float = 5.0) -> None:
        """SIGTERM, `seconds` of grace, SIGKILL; raises `ImageError` when even that does not end it."""
        self.signal(signal.SIGTERM)
        if self.wait(seconds):
            return
        self.signal(signal.SIGKILL)
        if not self.wait(seconds):
            raise ImageError(f"process {self.pid} does not end", "it hangs in the kernel; see /proc/PID/stack")


def reap(pid: int) -> None:
    """Take the exit status of our own ended child, so that it is no zombie; others are left alone."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
