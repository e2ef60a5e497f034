"""PID 1 after boot: keeps the wanted table running, reaps everything, answers on the control socket, ends the machine.

The brain tells the whole wanted table; what differs from what runs is started, stopped or restarted. `controllers` and
`api` are PID 1's own and are in no table that arrives.
"""

import os
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from init.control import ControlServer
from init.events import READ, EventLoop
from init.linux.cgroup import Tree
from init.linux.devices import open_power_buttons, power_key_pressed
from init.linux.power import PowerAction
from init.linux.processes import reap
from init.linux.watchdog import pet
from init.process import Service
from init.services import ControlError, ServiceSpec, State, by_need, plan_changes
from init.shutdown import Last, Shutdown

WATCHDOG_INTERVAL = 5.0  # seconds between pets; a device takes at least twice that
FORCE_AFTER = 10.0  # seconds after which a second power button or ctrl-alt-del means that the shutdown hangs
SIGNAL_ACTIONS = {15: PowerAction.POWEROFF, 2: PowerAction.REBOOT}  # SIGTERM; SIGINT is ctrl-alt-del
SIGCHLD = 17


class Settings(NamedTuple):
    """How patient to be, where this is, and where things are; tests give other paths."""

    patience: int = 1
    namespaces: bool = False
    watchdog: int | None = None
    control_socket: str = "/run/ophite/control.sock"
    cgroup_root: str = "/sys/fs/cgroup"


class Supervisor:
    """The one object that knows all services."""

    def __init__(self, settings: Settings, own: Mapping[str, ServiceSpec], loop: EventLoop) -> None:
        self.settings, self.loop, self.log = settings, loop, loop.log
        self.services: dict[str, Service] = {}
        self.tree = Tree(settings.cgroup_root)
        self.shutdown: Shutdown | None = None
        self._own = dict(own)
        self.control = ControlServer(self, settings.control_socket)

    def run(self) -> Shutdown:
        """Supervise until a shutdown has stopped all services, or is forced; returns how to end."""
        self.loop.watch_signals(self._signal)
        for start in (self._pet_watchdog, self.control.listen, partial(self._apply, self._own), self._watch_buttons):
            self.loop.later(0, start)  # from inside the loop, so that one that fails does not keep the others from starting
        self.loop.run()
        return self.shutdown or Shutdown(self, PowerAction.REBOOT)

    def apply(self, wanted: Mapping[str, ServiceSpec], keep: frozenset[str] = frozenset()) -> list[str]:
        """Bring the brain's services to `wanted`; what runs and is in `keep` stays as it is. Returns the ids that change."""
        if self.shutdown:
            raise ControlError("the machine is shutting down", "apply again after it is back")
        kept = {id: service.spec for id, service in self.services.items() if id in keep}
        return self._apply({**self._own, **kept, **wanted})

    def find(self, id: object) -> Service:
        """The service with this id; ControlError when there is none."""
        if not isinstance(id, str) or id not in self.services:
            raise ControlError(f"no service {str(id)[:64]!r}", f"there are: {', '.join(sorted(self.services)) or 'none'}")
        return self.services[id]

    def power(self, action: PowerAction, last: Last | None = None, argument: str = "", *, force: bool = False) -> None:
        """Start the orderly shutdown; a second request changes nothing, unless it forces the end."""
        begun, self.shutdown = self.shutdown, self.shutdown or Shutdown(self, action, last, argument)
        if force:
            self.shutdown.force(action)
        elif begun is None:
            self.shutdown.begin()

    def stop_all(self) -> None:
        """Have every service leave, in reverse order of need."""
        for service in self.services.values():
            service.leaving = True
        self._stop_leaving()

    def changed(self, service: Service) -> None:
        """A service is in another state: tell who watches, and go on with whatever waited for it."""
        self.control.publish(service)
        if service.leaving and service.state is State.FINISHED:
            self.loop.later(0, lambda: self._left(service))

    def _apply(self, wanted: Mapping[str, ServiceSpec]) -> list[str]:
        start, stop, restart = plan_changes({id: s.spec for id, s in self.services.items() if not s.leaving}, wanted)
        for id in stop:
            self.services[id].leaving = True
        for id in restart:
            self.services[id].spec = wanted[id]
            self.services[id].stop(leaving=False)
        for id in start:
            self._start(wanted[id])
        self._stop_leaving()
        return [*start, *stop, *restart]

    def _start(self, spec: ServiceSpec) -> None:
        old = self.services.get(spec.id)
        if old is None:
            self.services[spec.id] = Service(spec, self.loop, self.tree, self.settings.patience, self.changed)
            self.services[spec.id].start()
        else:  # it was about to leave: it stays, with what is wanted now
            old.leaving, same, old.spec = False, old.spec == spec, spec
            if old.state is not State.RUNNING or not same:
                old.stop(leaving=False)

    def _stop_leaving(self) -> None:
        """Stop the services that leave and that no other leaving one still needs."""
        leaving = {id: service.spec for id, service in self.services.items() if service.leaving}
        needed = {need for spec in leaving.values() for need in spec.needs if need != spec.id}
        free = [id for id in leaving if id not in needed]
        for id in free or by_need(leaving)[-1:]:  # a circle of needs is cut at its end
            self.services[id].stop(leaving=True)

    def _left(self, service: Service) -> None:
        if not service.leaving or service.state is not State.FINISHED or self.services.get(service.spec.id) is not service:
            return
        del self.services[service.spec.id]
        service.close()
        self.control.finish_logs(service)
        self._stop_leaving()
        if self.shutdown and not self.services:
            self.shutdown.services_stopped()

    def _signal(self, number: int) -> None:
        if number == SIGCHLD:
            for pid, status in reap():
                for service in [service for service in self.services.values() if service.pid == pid]:
                    self.loop.later(0, partial(service.exited, status))
        elif number in SIGNAL_ACTIONS:
            self._press(SIGNAL_ACTIONS[number])

    def _watch_buttons(self) -> None:
        for button in [] if self.settings.namespaces else open_power_buttons():
            self.loop.watch(button, READ, partial(self._button, button))

    def _button(self, button: int) -> None:
        if power_key_pressed(os.read(button, 4096)):
            self._press(PowerAction.POWEROFF)

    def _press(self, action: PowerAction) -> None:
        hangs = self.shutdown is not None and self.loop.clock() - self.shutdown.begun >= FORCE_AFTER
        self.power(action, force=hangs)

    def _pet_watchdog(self) -> None:
        self.loop.later(WATCHDOG_INTERVAL, self._pet_watchdog)
        pet(self.settings.watchdog)
