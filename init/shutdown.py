"""The way down: drain → stop services → end everything left → sync → unmount → last program → power.

Every step has a limit and is shown on the console before it begins; when its time is over, the next one comes. Draining and
stopping run in the event loop, because services have to be reaped meanwhile, and are told to the watchers. The rest runs after
it, each step in a child of its own, because sync and umount can hang for ever on a dead disk. Forced, it is sync and power.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from init.linux.dm import remove_all
from init.linux.kmsg import Log
from init.linux.mount import unmount_all
from init.linux.power import PowerAction, power
from init.linux.processes import end_processes, run_bounded
from init.linux.watchdog import pet
from init.services import ENVIRONMENT

if TYPE_CHECKING:
    from init.supervisor import Settings, Supervisor

DRAIN_LIMIT, STOP_LIMIT, TERM_GRACE = 30.0, 90.0, 5.0  # seconds
VOLUMES = "luks-"  # what the names of encrypted volumes begin with


class Last(NamedTuple):
    """A program that runs when nothing else does and nothing is mounted: what wipes disks. `limit` in seconds."""

    argv: tuple[str, ...]
    limit: float


class Step(NamedTuple):
    """One step of the end and how many seconds it may take."""

    name: str
    action: Callable[[], object]
    limit: float


class Shutdown:
    """The part that runs in the event loop, until no service is left."""

    def __init__(self, supervisor: "Supervisor", action: PowerAction, last: Last | None = None, argument: str = "") -> None:
        self._supervisor, self.action, self.last, self.argument = supervisor, action, last, argument
        self._draining, self.forced, self.begun = True, False, supervisor.loop.clock()

    def begin(self) -> None:
        """Tell the watchers and wait for the one that drains."""
        self._supervisor.log.show()
        self._supervisor.log.info("shutdown was asked for", action=self.action.value, last=bool(self.last))
        if any(connection.drains for connection in self._supervisor.control.connections):
            self._enter("drain", DRAIN_LIMIT, self.drained)
        else:
            self.drained()

    def drained(self) -> None:
        """Stop all services; called by the brain or when its time is over."""
        if self._draining:
            self._draining = False
            self._enter("stop services", STOP_LIMIT, self.services_stopped)
            self._supervisor.stop_all()
            if not self._supervisor.services:
                self.services_stopped()

    def services_stopped(self) -> None:
        """End the event loop."""
        for id in self._supervisor.services:
            self._supervisor.log.warning("shutdown: service did not stop in time", service=id)
        self._supervisor.loop.running = False

    def force(self, action: PowerAction) -> None:
        """Leave out all that can wait for something."""
        self._supervisor.log.warning("shutdown is forced", action=action.value)
        self.action, self.argument, self.forced, self._supervisor.loop.running = action, "", True, False

    def _enter(self, step: str, limit: float, after: Callable[[], object]) -> None:
        limit *= self._supervisor.settings.patience
        self._supervisor.log.info("shutdown: step", step=step, limit=limit, then="go on")
        self._supervisor.control.broadcast({"event": "shutdown", "action": self.action.value, "step": step, "limit": limit})
        self._supervisor.loop.later(limit, after)


def plan_end(settings: "Settings", last: Last | None = None, *, forced: bool = False) -> tuple[Step, ...]:
    """What happens when no service is left; a namespace's mounts end with it, and its disks are the host's."""
    patience = settings.patience
    ending = Step("end every process", partial(end_processes, TERM_GRACE), TERM_GRACE * 3 * patience)
    sync = Step("sync", os.sync, 20.0 * patience)
    unmounting = Step("unmount", unmount_all, 20.0 * patience)
    closing = Step("close encrypted volumes", partial(remove_all, VOLUMES), 10.0 * patience)
    if forced:
        return (sync,)
    steps = [ending] if settings.namespaces else [ending, sync, unmounting, closing]
    if last:
        steps.append(Step("last program", partial(os.execve, last.argv[0], last.argv, dict(ENVIRONMENT)), last.limit))
    return tuple(steps)


def run_plan(steps: tuple[Step, ...], log: Log, watchdog: int | None) -> None:
    """Go through the steps, whatever becomes of each."""
    for step in steps:
        log.info("shutdown: step", step=step.name, limit=step.limit, then="go on")
        try:
            done = run_bounded(step.action, step.limit, partial(pet, watchdog))
        except OSError:  # no child can be made any more
            done = False
        if not done:
            log.warning("shutdown: step failed or was given up", step=step.name, limit=step.limit)


def end(shutdown: Shutdown, log: Log, settings: "Settings") -> None:
    """Do the last steps and power off or reboot; returns only where the kernel refuses that."""
    run_plan(plan_end(settings, shutdown.last, forced=shutdown.forced), log, settings.watchdog)
    log.info("shutdown: the end", action=shutdown.action.value, argument=shutdown.argument)
    power(shutdown.action, shutdown.argument)
