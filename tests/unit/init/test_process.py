"""The life of one service on a fake clock, without processes."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from init import process
from init.events import EventLoop
from init.linux.cgroup import Tree
from init.linux.kmsg import Log
from init.process import Service
from init.services import Restart, ServiceSpec, State

SPEC = ServiceSpec("etcd", ("/bin/true",), cgroup="ophite/etcd", stop_timeout=10)
KILLED = 9  # wait status of a process that SIGKILL ended


class World:
    """A clock, a kernel that hands out pids, and what was sent to them."""

    def __init__(self, tmp_path: Path) -> None:
        self.now, self.pid = 0.0, 100
        self.signals: list[tuple[int, int]] = []
        self.states: list[State] = []
        self.loop = EventLoop(Log(2, plain=True), lambda: self.now)
        self.tree = Tree(str(tmp_path))
        self.services: list[Service] = []

    def spawn(self, *_: object) -> int:
        self.pid += 1
        return self.pid

    def kill(self, pid: int, number: int) -> None:
        self.signals.append((pid, number))

    def service(self, spec: ServiceSpec = SPEC) -> Service:
        service = Service(spec, self.loop, self.tree, 1, lambda service: self.states.append(service.state))
        self.services.append(service)
        service.start()
        return service

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.loop.turn(0)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World(tmp_path)
    monkeypatch.setattr(process, "spawn", world.spawn)
    monkeypatch.setattr("init.process.os.kill", world.kill)
    yield world
    for service in world.services:
        service.close()


def delay_until_start(world: World, service: Service) -> float:
    begin = world.now
    while service.pid == 0:
        world.advance(0.05)
    return world.now - begin


def test_backoff_grows_is_capped_and_forgotten_after_a_healthy_run(world: World) -> None:
    service = world.service()
    delays = []
    for _ in range(9):
        service.exited(KILLED)
        delays.append(round(delay_until_start(world, service), 1))
    assert [round(delay) for delay in delays[1:]] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert service.restarts == 9
    world.advance(31)
    service.exited(KILLED)
    assert delay_until_start(world, service) <= 0.6


@pytest.mark.parametrize("id", ["controllers", "api"])
def test_own_services_are_back_within_a_second_for_ever(world: World, id: str) -> None:
    service = world.service(SPEC._replace(id=id))
    for _ in range(30):
        service.exited(KILLED)
        assert delay_until_start(world, service) <= 1


def test_stop_waits_then_insists(world: World) -> None:
    service = world.service()
    service.stop(leaving=True)
    assert world.signals == [(101, signal.SIGTERM)]
    world.advance(9.9)
    assert len(world.signals) == 1
    world.advance(0.2)
    world.advance(2)
    assert world.signals[1:] == [(101, signal.SIGKILL)] * 2
    service.exited(KILLED)
    assert world.states == [State.STARTING, State.RUNNING, State.STOPPING, State.FINISHED]
    assert service.exit == "killed by SIGKILL"


def test_restart_starts_again_at_once_with_the_new_specification(world: World) -> None:
    service = world.service()
    service.spec = SPEC._replace(uid=60)
    service.stop(leaving=False)
    service.exited(0)
    assert (service.state, service.pid, service.restarts) == (State.RUNNING, 102, 0)


def test_stopping_one_that_waits_ends_its_wait(world: World) -> None:
    service = world.service()
    service.exited(256)
    assert (service.state, service.exit) == (State.BACKOFF, "exit status 1")
    service.stop(leaving=True)
    world.advance(100)
    assert (service.state, service.pid, world.signals) == (State.FINISHED, 0, [])


@pytest.mark.parametrize(
    ("policy", "status", "state"),
    [(Restart.NEVER, 0, State.FINISHED), (Restart.NEVER, 256, State.FAILED), (Restart.ON_FAILURE, 0, State.FINISHED)],
)
def test_what_is_not_restarted_stays(world: World, policy: Restart, status: int, state: State) -> None:
    service = world.service(SPEC._replace(restart=policy))
    service.exited(status)
    world.advance(1000)
    assert (service.state, service.restarts) == (state, 0)


def test_a_failing_fork_counts_as_an_exit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(11, "Resource temporarily unavailable")

    good: Callable[..., int] = world.spawn
    monkeypatch.setattr(process, "spawn", fail)
    service = world.service()
    assert (service.state, service.exit) == (State.BACKOFF, "cannot start: [Errno 11] Resource temporarily unavailable")
    monkeypatch.setattr(process, "spawn", good)
    assert delay_until_start(world, service) < 1


def test_the_hash_tells_specifications_apart(world: World) -> None:
    one, same, other = (world.service(spec).describe()["spec_hash"] for spec in (SPEC, SPEC._replace(), SPEC._replace(uid=1)))
    assert one == same != other
    assert len(str(one)) == 16
