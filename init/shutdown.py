"""The way down: drain → stop services → end everything left → sync → unmount → power. Every step has a limit.

Draining and stopping run in the event loop, because services have to be reaped meanwhile. The rest runs after it: each step
in a child of its own, given up when its limit is over, because sync and umount can hang for ever on a dead disk.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from init.linux.kmsg import Log
from init.linux.mount import MNT_DETACH, MS_RDONLY, MS_REMOUNT, Mount, mount, read_mounts, umount
from init.linux.power import PowerAction, power
from init.linux.processes import end_processes, run_bounded

if TYPE_CHECKING:
    from init.supervisor import Settings, Supervisor

DRAIN_LIMIT, STOP_LIMIT, TERM_GRACE = 30.0, 90.0, 5.0  # seconds
KEPT_TARGETS = ("/", "/run", "/tmp")  # noqa: S108 - a mount point
KEPT_SLASHED = ("/proc/", "/sys/", "/dev/")


class Step(NamedTuple):
    """One step of the end and how many seconds it may take."""

    name: str
    action: Callable[[], None]
    limit: float


class Shutdown:
    """The part that runs in the event loop, until no service is left."""

    def __init__(self, supervisor: "Supervisor", action: PowerAction) -> None:
        self._supervisor, self.action, self._draining = supervisor, action, True

    def begin(self) -> None:
        """Tell the watchers and wait for the one that drains."""
        connections = self._supervisor.control.connections
        self._supervisor.control.broadcast({"event": "shutdown", "action": self.action.value})
        if any(connection.drains for connection in connections):
            self._supervisor.loop.later(DRAIN_LIMIT * self._supervisor.settings.patience, self.drained)
        else:
            self.drained()

    def drained(self) -> None:
        """Stop all services; called by the brain or when its time is over."""
        if self._draining:
            self._draining = False
            self._supervisor.loop.later(STOP_LIMIT * self._supervisor.settings.patience, self.services_stopped)
            self._supervisor.stop_all()
            if not self._supervisor.services:
                self.services_stopped()

    def services_stopped(self) -> None:
        """End the event loop."""
        for id in self._supervisor.services:
            self._supervisor.log.warning("shutdown: service did not stop in time", service=id)
        self._supervisor.loop.running = False


def plan_end(*, keep_mounts: bool) -> tuple[Step, ...]:
    """What happens when no service is left; a namespace's mounts end with it, and its disks are the host's."""
    ending = (Step("end every process", partial(end_processes, TERM_GRACE), TERM_GRACE * 3),)
    return ending if keep_mounts else (*ending, Step("sync", os.sync, 20.0), Step("unmount", unmount_all, 20.0))


def end(action: PowerAction, log: Log, settings: "Settings") -> None:
    """Do the last steps and power off or reboot; returns only where the kernel refuses that."""
    for step in plan_end(keep_mounts=settings.namespaces):
        if settings.watchdog is not None:
            os.write(settings.watchdog, b"\0")
        if not run_bounded(step.action, step.limit * settings.patience):
            log.warning("shutdown: step failed or was given up", step=step.name, limit=step.limit * settings.patience)
    log.info("shutdown: the end", action=action.value)
    power(action)


def plan_unmount(mounts: list[Mount]) -> list[Mount]:
    """What to unmount, in reverse order of mounting: all but the root and what the kernel itself shows."""
    kept = [item for item in mounts if item.target in KEPT_TARGETS or f"{item.target}/".startswith(KEPT_SLASHED)]
    return [item for item in reversed(mounts) if item not in kept]


def unmount_all() -> None:
    """Unmount what holds data, read-only first where it is busy, so that the disk is clean in any case."""
    for item in plan_unmount(read_mounts()):
        try:
            umount(item.target)
        except OSError:
            with suppress(OSError):
                mount("none", item.target, flags=MS_REMOUNT | MS_RDONLY)
            with suppress(OSError):
                umount(item.target, MNT_DETACH)
