"""Coroutines, threads and listeners: whatever a controller does, it does it alone."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator

import pytest

from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import RuntimeFault, Waiting
from controllers.runtime.resource import Spec
from controllers.runtime.status import ControllerStatus
from controllers.runtime.worker import SLOW_SECONDS, describe_error
from tests.harness.clock import FakeClock, settle
from tests.harness.engine import World

LIMIT = 10  # seconds of real time that a thread may take


class Task(Spec, frozen=True, kw_only=True):
    """What is to be done."""

    namespace = "worker"
    number: int = 0


class Done(Spec, frozen=True, kw_only=True):
    """What was done."""

    namespace = "worker"
    by: str = ""


class Quick(Controller):
    """Never in anybody's way."""

    name = "Quick"
    inputs = (Input(Task),)
    calls = 0

    def reconcile(self, view: View) -> Iterable[Wanted]:
        self.calls += 1
        return ()


class Slow(Controller):
    """A coroutine that the test holds up."""

    name = "Slow"
    inputs = (Input(Task),)
    outputs = (Output(Done),)

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.running = 0
        self.most = 0

    async def reconcile(self, view: View) -> list[Wanted]:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        return [Wanted(task.id, Done(by="coroutine")) for task in view.list(Task)]


async def until(world: World, name: str, ready: Callable[[ControllerStatus], bool]) -> ControllerStatus:
    """Return the status of a controller as soon as it is as wanted."""
    async with asyncio.timeout(LIMIT):
        async for event in world.store.watch(ControllerStatus, name):
            if event.resource and ready(event.resource.spec):
                return event.resource.spec
    raise AssertionError("unreachable: a watch does not end")


async def test_a_coroutine_sees_one_snapshot_and_runs_alone_with_others_at_work() -> None:
    slow, quick = Slow(), Quick()
    async with World(slow, quick) as world:
        await world.put("a", Task())
        await world.put("b", Task())
        assert quick.calls == 3
        assert await world.ids(Done) == []
        slow.gate.set()
        await settle()
        assert await world.ids(Done) == ["a", "b"]
        assert slow.most == 1


async def test_a_coroutine_that_takes_too_long_is_cancelled() -> None:
    slow = Slow()
    async with World(slow, patience=2.0) as world:
        await world.clock.advance(slow.timeout * 2 - 1)
        assert slow.running == 1
        await world.clock.advance(1)
        assert slow.running == 0
        status = await world.status("Slow")
        assert (status.state, status.last_error) == ("crashed", "TimeoutError: reconcile took longer than 240 s")
        slow.gate.set()
        await world.clock.advance(1)
        assert (await world.status("Slow")).state == "running"


async def test_closing_cancels_a_coroutine() -> None:
    slow = Slow()
    async with World(slow):
        assert slow.running == 1
    await settle()
    assert slow.running == 0


async def test_a_cancellation_that_slips_out_is_a_failure_and_no_more() -> None:
    class Sloppy(Quick):
        def reconcile(self, view: View) -> Iterable[Wanted]:
            raise asyncio.CancelledError

    sloppy = Sloppy()
    async with World(sloppy) as world:
        assert (await world.status("Quick")).state == "crashed"
        await world.clock.advance(20)
        assert (await world.status("Quick")).failures > 2


class Threaded(Controller):
    """Blocks its thread until the test lets it."""

    name = "Threaded"
    inline = False
    inputs = (Input(Task),)
    outputs = (Output(Done),)

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.threads: list[str] = []

    def reconcile(self, view: View) -> Iterator[Wanted]:
        self.gate.wait(LIMIT)
        self.threads.append(threading.current_thread().name)
        for task in view.list(Task):
            yield Wanted(task.id, Done(by="thread"))


async def test_a_blocking_reconcile_in_a_thread_blocks_nobody() -> None:
    threaded, quick = Threaded(), Quick()
    async with World(threaded, quick) as world:
        for number in range(10):
            await world.put("a", Task(number=number))
        assert quick.calls == 11
        threaded.gate.set()
        async with asyncio.timeout(LIMIT):
            async for event in world.store.watch(Done):
                if event.resource:
                    break
        assert all(name.startswith("reconcile") for name in threaded.threads)


async def test_a_thread_that_hangs_is_not_joined_by_a_second() -> None:
    threaded = Threaded()
    async with World(threaded) as world:
        await world.clock.advance(threaded.timeout)
        assert (await world.status("Threaded")).last_error == "TimeoutError: reconcile took longer than 120 s"
        await world.clock.advance(1)
        assert (await world.status("Threaded")).last_error == "the reconcile before is still running"
        assert threaded.threads == []
        threaded.gate.set()


async def test_waiting_in_a_thread_is_waiting() -> None:
    class Patient(Threaded):
        def reconcile(self, view: View) -> Iterator[Wanted]:
            for task in view.list(Task):
                raise Waiting(f"a thread for {task.id}")
            yield from ()

    async with World(Patient()) as world:
        await world.put("a", Task())
        await until(world, "Threaded", lambda status: status.waits_for == "a thread for a")


async def test_a_slow_inline_reconcile_goes_to_a_thread() -> None:
    clock: list[FakeClock] = []
    in_main: list[bool] = []
    threaded = asyncio.Event()

    class Ponderous(Quick):
        def reconcile(self, view: View) -> Iterable[Wanted]:
            in_main.append(threading.current_thread() is threading.main_thread())
            if clock:
                clock.pop()._now += SLOW_SECONDS * 2
            if not in_main[-1]:
                loop.call_soon_threadsafe(threaded.set)
            return ()

    loop = asyncio.get_running_loop()
    async with World(Ponderous()) as world:
        clock.append(world.clock)
        await world.put("a", Task(number=1))
        await world.put("a", Task(number=2))
        async with asyncio.timeout(LIMIT):
            await threaded.wait()
    assert in_main == [True, True, False]


class Listener(Quick):
    """Listens with what the test hands it."""

    name = "Listener"

    def __init__(self, ear: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
        self.ear = ear
        self.runs = 0

    async def run(self, wake: Callable[[], None]) -> None:
        self.runs += 1
        await self.ear(wake)


async def test_a_listener_wakes_its_controller() -> None:
    bell = asyncio.Event()

    async def ear(wake: Callable[[], None]) -> None:
        while True:
            await bell.wait()
            bell.clear()
            wake()

    listener = Listener(ear)
    async with World(listener) as world:
        assert listener.calls == 1
        bell.set()
        await settle()
        assert listener.calls == 2
        assert (await world.status("Listener")).state == "running"


async def test_a_listener_may_wake_from_a_thread() -> None:
    started: list[Callable[[], None]] = []
    reconciled = asyncio.Event()

    async def ear(wake: Callable[[], None]) -> None:
        started.append(wake)

    class Alert(Listener):
        def reconcile(self, view: View) -> Iterable[Wanted]:
            reconciled.set()
            return ()

    async with World(Alert(ear)):
        reconciled.clear()
        thread = threading.Thread(target=started[0])
        thread.start()
        async with asyncio.timeout(LIMIT):
            await reconciled.wait()
        thread.join(LIMIT)


async def hear_nothing(_: Callable[[], None]) -> None:
    await asyncio.Event().wait()


async def test_a_listener_that_fails_is_restarted_and_reconciles_go_on() -> None:
    async def ear(_: Callable[[], None]) -> None:
        raise OSError("socket gone")

    listener = Listener(ear)
    async with World(listener) as world:
        status = await world.status("Listener")
        assert (status.state, status.last_error) == ("crashed", "OSError: socket gone")
        await world.put("a", Task())
        assert listener.calls == 2
        assert (await world.status("Listener")).state == "crashed"
        await world.clock.advance(0.7)
        assert listener.runs == 2
        listener.ear = hear_nothing
        await world.clock.advance(60)
        assert listener.runs == 3
        assert (await world.status("Listener")).state == "running"


async def test_a_listener_may_wait_and_may_end() -> None:
    async def ear(_: Callable[[], None]) -> None:
        raise Waiting("udev")

    async def deaf(_: Callable[[], None]) -> None:
        return

    listener = Listener(ear)
    async with World(listener) as world:
        assert (await world.status("Listener")).waits_for == "udev"
        listener.ear = deaf
        await world.clock.advance(60)
        assert (await world.status("Listener")).state == "running"
        assert listener.runs == 2


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a\nb"), "ValueError: a b"),
        (RuntimeFault("no", "try"), "no (try)"),
        (ValueError("x" * 9999), "ValueError: " + "x" * 488),
    ],
)
def test_errors_become_one_bounded_line(error: Exception, line: str) -> None:
    assert describe_error(error) == line
