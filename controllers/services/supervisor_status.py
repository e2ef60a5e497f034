"""PID 1's states and the health checks → ServiceStatus; its word that a shutdown began → ShutdownNotice.

PID 1 pushes states over `watch`; when the connection breaks it is made again with backoff, and until then the last
known states stay.
"""

from collections.abc import Callable, Iterable

from controllers.ports import Ports
from controllers.resources.machine import ShutdownNotice
from controllers.resources.services import ServiceHealth, ServiceStatus
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting
from controllers.services.errors import ControlError
from controllers.services.supervisor import ServiceState, ShutdownBegun, Supervisor

FIRST_DELAY, LAST_DELAY = 0.5, 10.0
"""Seconds between attempts to connect; doubled each time."""


class SupervisorStatusController(Controller):
    """How PID 1 says services go, and whether they are healthy."""

    name = "services.SupervisorStatusController"
    inputs = (Input(ServiceHealth),)
    outputs = (Output(ServiceStatus), Output(ShutdownNotice))

    def __init__(self, ports: Ports, supervisor: Supervisor | None = None) -> None:
        self._clock = ports.clock
        self._supervisor = supervisor or Supervisor(ports.paths.control_socket, 10.0 * ports.patience)
        self._states: dict[str, ServiceState] = {}
        self._shutdown: ShutdownBegun | None = None
        self._trouble = "PID 1's first answer"

    async def run(self, wake: Callable[[], None]) -> None:
        """Follow PID 1 for ever."""
        delay = FIRST_DELAY
        while True:
            try:
                states: dict[str, ServiceState] = {}
                async for news in self._supervisor.watch():
                    if isinstance(news, ShutdownBegun):
                        self._shutdown = news
                    else:
                        states[news.id] = news
                        self._states = states
                    self._trouble, delay = "", FIRST_DELAY
                    wake()
                self._trouble = "PID 1, which closed the connection"
            except ControlError as error:
                self._trouble = f"PID 1: {error}"
                wake()
            await self._clock.sleep(delay)
            delay = min(delay * 2, LAST_DELAY)

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """Join states and health. Raises `Waiting` before the first answer."""
        if not self._states:
            raise Waiting(self._trouble)
        health = {r.id: r.spec for r in view.list(ServiceHealth)}
        for id_, state in self._states.items():
            yield Wanted(id_, join_status(state, health.get(id_)))
        if self._shutdown is not None:
            notice = ShutdownNotice(action=self._shutdown.action, step=self._shutdown.step, limit=self._shutdown.limit)
            yield Wanted("init", notice)


def join_status(state: ServiceState, health: ServiceHealth | None) -> ServiceStatus:
    """Return a service's status: PID 1's word, and the health check's while the process runs."""
    running = state.state == "running"
    message = state.exit
    healthy = None
    if running and health is not None:
        healthy, message = health.healthy, health.message
    return ServiceStatus(state=state.state, pid=state.pid, restarts=state.restarts, message=message, healthy=healthy)
