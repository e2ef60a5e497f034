"""What the supervisor does without processes: feeding the watchdog, and shutdowns that are asked for twice."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from init.events import EventLoop
from init.linux.kmsg import Log
from init.linux.power import PowerAction
from init.shutdown import Last
from init.supervisor import FORCE_AFTER, Settings, Supervisor

LAST = Last(("/usr/bin/wipe",), 60.0)


class World:
    """A clock, and a watchdog that counts."""

    def __init__(self, directory: Path) -> None:
        self.now = 0.0
        self.reader, self.writer = os.pipe2(os.O_NONBLOCK)
        self.loop = EventLoop(Log(2, plain=True), lambda: self.now)
        settings = Settings(
            watchdog=self.writer, namespaces=True, control_socket=str(directory / "s"), cgroup_root=str(directory)
        )
        self.supervisor = Supervisor(settings, {}, self.loop)

    def fed(self) -> int:
        try:
            return len(os.read(self.reader, 4096))
        except BlockingIOError:
            return 0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.supervisor.control._listener.close()
    os.close(world.reader)
    os.close(world.writer)


def test_the_watchdog_is_fed_by_the_loop_and_by_nothing_else(world: World) -> None:
    world.loop.later(0, world.supervisor._pet_watchdog)
    world.now = 100.0
    assert world.fed() == 0  # time passes, but the loop does not turn: it hangs
    for _ in range(10):
        world.now += 5
        world.loop.turn(0)
    assert world.fed() == 10
    world.now += 1000
    assert world.fed() == 0


def test_a_watchdog_that_breaks_does_not_stop_the_loop(world: World) -> None:
    world.loop.later(0, world.supervisor._pet_watchdog)
    os.close(world.writer)
    world.loop.turn(0)
    world.writer = os.dup(world.reader)
    assert world.loop.running


def test_a_second_request_changes_nothing_unless_it_forces(world: World) -> None:
    world.supervisor.services["hangs"] = None  # type: ignore[assignment]  # it only has to be there
    world.supervisor.stop_all = lambda: None  # type: ignore[method-assign]  # nothing to stop
    world.supervisor.power(PowerAction.REBOOT, LAST)
    world.supervisor.power(PowerAction.POWEROFF)
    shutdown = world.supervisor.shutdown
    assert shutdown is not None
    assert (shutdown.action, shutdown.last, shutdown.forced, world.loop.running) == (PowerAction.REBOOT, LAST, False, True)
    world.supervisor.power(PowerAction.POWEROFF, force=True)
    assert (shutdown.action, shutdown.forced, world.loop.running) == (PowerAction.POWEROFF, True, False)


def test_a_first_request_may_force(world: World) -> None:
    world.supervisor.power(PowerAction.REBOOT, force=True)
    assert world.supervisor.shutdown is not None
    assert world.supervisor.shutdown.forced
    assert not world.loop.running


def test_a_second_press_forces_only_what_hangs(world: World) -> None:
    world.supervisor.services["hangs"] = None  # type: ignore[assignment]  # it only has to be there
    world.supervisor.stop_all = lambda: None  # type: ignore[method-assign]  # nothing to stop
    world.supervisor._signal(2)
    shutdown = world.supervisor.shutdown
    assert shutdown is not None
    world.now += FORCE_AFTER - 1
    world.supervisor._signal(2)
    assert not shutdown.forced
    world.now += 1
    world.supervisor._signal(15)
    assert (shutdown.forced, shutdown.action) == (True, PowerAction.POWEROFF)
