"""Processes: limits, signals, and running something that may hang.

Only for a process without threads, such as PID 1: the children go on as copies of it.
"""

import os
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress


def raise_nofile(limit: int) -> None:
    """Allow `limit` open files; where a namespace may not raise it, as many as are allowed."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, hard), min(limit, hard)))
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def run_bounded(action: Callable[[], None], limit: float) -> bool:
    """Run `action` in a child for at most `limit` seconds; whether it succeeded. Other children that end are reaped too."""
    child = os.fork()
    if child == 0:
        try:
            action()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the child must end here whatever happens; the parent logs the step
            os._exit(1)
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        with suppress(ChildProcessError):
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == child:
                return status == 0
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    return False


def end_processes(grace: float) -> None:
    """SIGTERM to every process but this one and PID 1, then SIGKILL to those that are left after `grace` seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + grace
        with suppress(ProcessLookupError):
            os.kill(-1, number)
        while time.monotonic() < deadline and any(map(_has_program, os.listdir("/proc"))):
            time.sleep(0.05)


def _has_program(name: str) -> bool:
    """Whether this entry of /proc is a process of user space, not ended, other than PID 1 and the caller."""
    if not name.isdecimal() or int(name) in (1, os.getpid()):
        return False
    with suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as file:
        return file.read(1) != b""
    return False


def signal_name(number: int) -> str:
    """SIGKILL for 9, and a text for numbers without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
