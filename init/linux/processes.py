"""Processes: starting programs, limits, signals, and running something that may hang.

Only for a process without threads, such as PID 1: the children go on as copies of it.
"""

import os
import resource
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress


def forbid_core_dumps() -> None:
    """For this process and all that it starts."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def raise_nofile(limit: int) -> None:
    """Allow `limit` open files; where a namespace may not raise it, as many as are allowed."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, hard), min(limit, hard)))
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def spawn(argv: tuple[str, ...], environment: dict[str, str], output: int, prepare: Callable[[], None]) -> int:
    """Fork; the child, in a session of its own and with `output` as its output, calls `prepare` and execs. Its pid."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # one for a child with our handlers would reach us
    try:
        if (pid := os.fork()) == 0:
            try:
                _become_child(output, mask)
                prepare()
                os.execve(argv[0], argv, environment)  # noqa: S606 - a service is a program, never a shell's line
            except BaseException as error:  # noqa: BLE001 - the child must end here whatever happens
                os.write(2, f"ophite: cannot start {argv[0]}: {error}\n".encode())
            finally:
                os._exit(127)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _become_child(output: int, mask: Iterable[int]) -> None:
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    for target, source in ((0, os.open("/dev/null", os.O_RDONLY)), (1, output), (2, output)):
        os.dup2(source, target)
    os.setsid()


def run_bounded(action: Callable[[], object], limit: float, tick: Callable[[], object] = lambda: None) -> bool:
    """Run `action` in a child for at most `limit` seconds; whether it succeeded. Other children that end are reaped too.

    `tick` is called all the while, many times a second.
    """
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
        tick()
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    return False


def reap() -> Iterator[tuple[int, int]]:
    """Take leave of every child that has ended; yields pids and wait statuses."""
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            yield ended


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
