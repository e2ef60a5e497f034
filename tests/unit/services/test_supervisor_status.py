"""States of PID 1 and health become one status; a broken connection is made again."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from controllers.ports import Ports
from controllers.resources.machine import ShutdownNotice
from controllers.resources.services import ServiceHealth, ServiceStatus
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import new
from controllers.services.errors import ControlError
from controllers.services.supervisor import ServiceState, ShutdownBegun, Supervisor
from controllers.services.supervisor_status import SupervisorStatusController, join_status
from tests.harness.clock import FakeClock, settle
from tests.harness.reconcile import run_reconcile


class FakePid1(Supervisor):
    """Breaks the first connection, then tells of one service, then of `news` if there is any."""

    def __init__(self, news: ShutdownBegun | None = None) -> None:
        self.connections = 0
        self.news = news

    async def watch(self) -> AsyncIterator[ServiceState | ShutdownBegun]:
        self.connections += 1
        if self.connections == 1:
            raise ControlError("not there yet")
        yield ServiceState(id="etcd", state="running", pid=4, restarts=2)
        if self.news is not None:
            yield self.news
        await asyncio.Event().wait()


async def test_it_reconnects_and_reports() -> None:
    clock, pid1 = FakeClock(), FakePid1()
    controller = SupervisorStatusController(Ports(clock=clock), pid1)
    with pytest.raises(Waiting, match="PID 1's first answer"):
        run_reconcile(controller)
    woken: list[None] = []
    task = asyncio.create_task(controller.run(lambda: woken.append(None)))
    await settle()
    with pytest.raises(Waiting, match="not there yet"):
        run_reconcile(controller)
    await clock.advance(0.5)
    wanted = run_reconcile(controller, [new("etcd", ServiceHealth(healthy=True))])
    assert [(w.id, w.spec) for w in wanted] == [("etcd", ServiceStatus(state="running", pid=4, restarts=2, healthy=True))]
    assert woken
    task.cancel()


async def test_a_shutdown_that_pid_1_began_becomes_a_request() -> None:
    clock = FakeClock()
    news = ShutdownBegun(action="poweroff", step="drain", limit=30.0)
    controller = SupervisorStatusController(Ports(clock=clock), FakePid1(news))
    task = asyncio.create_task(controller.run(lambda: None))
    await clock.advance(0.5)
    requests = [(w.id, w.spec) for w in run_reconcile(controller) if isinstance(w.spec, ShutdownNotice)]
    assert requests == [("init", ShutdownNotice(action="poweroff", step="drain", limit=30.0))]
    task.cancel()


def test_health_counts_only_while_the_process_runs() -> None:
    sick = ServiceHealth(healthy=False, message="no leader")
    running = ServiceState(id="etcd", state="running", pid=4, exit="exited with 1")
    assert join_status(running, sick).message == "no leader"
    assert join_status(running, None).healthy is None
    crashed = join_status(ServiceState(id="etcd", state="backoff", exit="exited with 1"), sick)
    assert (crashed.healthy, crashed.message) == (None, "exited with 1")
