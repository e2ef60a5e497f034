"""The engine at work: wake-ups, enforcement, finalizers, isolation. On a fake clock throughout."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest

from controllers.runtime.controller import (
    DESTROY_READY,
    SHARED,
    STRONG,
    Controller,
    Input,
    Output,
    View,
    Wanted,
)
from controllers.runtime.errors import GraphError, StoreError, Waiting
from controllers.runtime.resource import Spec, new
from controllers.runtime.status import ControllerStatus
from tests.harness.clock import settle
from tests.harness.engine import World

EARLY, LATE = "engine-early", "engine-late"


class Ore(Spec, frozen=True, kw_only=True):
    """The first of a chain."""

    namespace = EARLY
    quiet_fields = frozenset({"dust"})
    grams: int = 0
    dust: int = 0


class Bar(Spec, frozen=True, kw_only=True):
    """The second of a chain."""

    namespace = EARLY
    grams: int = 0


class Coin(Spec, frozen=True, kw_only=True):
    """The third of a chain."""

    namespace = EARLY
    grams: int = 0


class Recorder(Controller):
    """Counts its reconciles and remembers what it saw."""

    name = "Recorder"
    inputs: tuple[Input, ...] = (Input(Ore),)

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    def reconcile(self, view: View) -> Iterable[Wanted]:
        self.seen.append([resource.id for resource in view.list(Ore)])
        return ()


class Smelter(Controller):
    """Ore to bars."""

    name = "Smelter"
    inputs = (Input(Ore, kind=STRONG),)
    outputs = (Output(Bar),)

    def reconcile(self, view: View) -> Iterator[Wanted]:
        for ore in view.list(Ore):
            yield Wanted(ore.id, Bar(grams=ore.spec.grams // 2))


class Mint(Controller):
    """Bars to coins."""

    name = "Mint"
    inputs = (Input(Bar, kind=STRONG),)
    outputs = (Output(Coin),)

    def reconcile(self, view: View) -> Iterator[Wanted]:
        for bar in view.list(Bar):
            yield Wanted(bar.id, Coin(grams=bar.spec.grams), labels={"from": "bar"})


class Hoard(Recorder):
    """Looks at coins."""

    name = "Hoard"
    inputs = (Input(Coin, kind=STRONG),)
    stubborn = False

    def reconcile(self, view: View) -> Iterable[Wanted]:
        if self.stubborn:
            raise Waiting("the dragon to leave")
        self.seen.append([coin.id for coin in view.list(Coin)])
        return ()


class Faulty(Controller):
    """Does whatever the test tells it."""

    name = "Faulty"
    inputs = (Input(Ore),)
    outputs = (Output(Bar),)

    def __init__(self, act: Callable[[View], Any]) -> None:
        self.act = act
        self.calls = 0

    def reconcile(self, view: View) -> Any:
        self.calls += 1
        return self.act(view)


def fail(_: View) -> None:
    raise ValueError("broken")


async def test_a_chain_comes_to_its_fixpoint_and_rests() -> None:
    async with World(Mint(), Smelter(), Hoard()) as world:
        await world.put("a", Ore(grams=8))
        coin = await world.get(Coin, "a")
        assert (coin.spec.grams, coin.metadata.owner, coin.metadata.labels) == (4, "Mint", {"from": "bar"})
        before = await world.get(Coin, "a")
        await world.clock.advance(3600)
        assert await world.get(Coin, "a") == before
        await world.put("a", Ore(grams=10))
        assert (await world.get(Coin, "a")).spec.grams == 5


async def test_tearing_down_runs_through_the_chain_and_back() -> None:
    hoard = Hoard()
    async with World(Smelter(), Mint(), hoard) as world:
        await world.put("a", Ore(grams=8))
        assert (await world.get(Ore, "a")).metadata.finalizers == ("Smelter",)
        hoard.stubborn = True
        assert await world.remove(Ore, "a") is False
        for type_ in (Ore, Bar, Coin):
            assert (await world.store.get(type_, "a")).tearing_down
        assert (await world.status("Hoard")).waits_for == "the dragon to leave"
        hoard.stubborn = False
        await world.put("b", Ore(grams=2))  # wakes the chain
        for type_ in (Bar, Coin):
            assert await world.ids(type_) == ["b"]
        assert (await world.get(Ore, "a")).metadata.finalizers == ()
        assert await world.remove(Ore, "a") is True


async def test_what_is_wanted_again_while_tearing_down_is_made_anew_when_it_is_gone() -> None:
    faulty = Faulty(lambda _: [Wanted("x", Bar(grams=1))])
    async with World(faulty) as world:
        await world.store.add_finalizer(Bar, "x", "f")
        faulty.act = lambda _: ()
        await world.put("a", Ore(grams=1))
        assert (await world.get(Bar, "x")).tearing_down
        faulty.act = lambda view: [Wanted("x", Bar(grams=7 + len(view.own(Bar))))]
        await world.put("a", Ore(grams=2))
        assert (await world.status("Faulty")).state == "running"
        assert (await world.get(Bar, "x")).spec.grams == 1
        await world.store.remove_finalizer(Bar, "x", "f")
        await settle()
        bar = await world.get(Bar, "x")
        assert (bar.spec.grams, bar.metadata.version, bar.tearing_down) == (7, 1, False)


async def test_wake_ups_coalesce() -> None:
    recorder = Recorder()
    async with World(recorder) as world:
        recorder.seen.clear()
        for number in range(100):
            await world.store.create(new(f"{number:03}", Ore()))
        await settle()
        assert len(recorder.seen) == 1
        assert len(recorder.seen[0]) == 100


async def test_a_watch_that_falls_behind_loses_no_wake_up(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()
    async with World(recorder, history=4) as world:
        for burst in range(2):
            for number in range(50):
                await world.store.create(new(f"{burst}-{number:03}", Ore()))
            await settle()
            assert len(recorder.seen[-1]) == 50 * (burst + 1)
    assert any(record.message == "watch fell behind" for record in caplog.records)


async def test_a_watch_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()
    world = World(recorder)
    watch, broken = world.store.watch, [True, True]

    async def fail_at_first(*args: Any, **options: Any) -> AsyncIterator[Any]:
        if broken:
            broken.pop()
            raise StoreError("not now")
        async for event in watch(*args, **options):
            yield event

    monkeypatch.setattr(world.store, "watch", fail_at_first)
    starting = asyncio.create_task(world.engine.start())
    await world.clock.advance(5)
    await starting
    await world.put("a", Ore())
    assert recorder.seen[-1] == ["a"]
    assert [record.message for record in caplog.records] == ["watch failed"] * 2
    await world.engine.close(1)


async def test_an_engine_that_breaks_while_it_starts_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(Recorder())

    async def break_down(*_: Any, **__: Any) -> AsyncIterator[Any]:
        yield 1 / 0

    monkeypatch.setattr(world.store, "watch", break_down)
    await world.engine.start()
    await settle()
    assert world.engine.failed.is_set()
    await world.engine.close(1)


async def test_finalizers_and_counters_of_others_wake_nobody() -> None:
    recorder = Recorder()
    async with World(recorder) as world:
        await world.put("a", Ore())
        recorder.seen.clear()
        await world.store.add_finalizer(Ore, "a", "someone")
        await world.put("a", Ore(dust=5))
        assert recorder.seen == []
        await world.put("a", Ore(dust=5, grams=1))
        assert len(recorder.seen) == 1


async def test_one_id_as_input_is_woken_by_that_id_only() -> None:
    recorder = Recorder()
    recorder.inputs = (Input(Ore, id="a"),)
    async with World(recorder) as world:
        recorder.seen.clear()
        await world.put("b", Ore())
        assert recorder.seen == []
        await world.put("a", Ore())
        assert recorder.seen == [["a"]]


async def test_a_controller_that_raises_for_ever_slows_nobody() -> None:
    faulty, recorder = Faulty(fail), Recorder()
    async with World(faulty, recorder) as world:
        recorder.seen.clear()
        started = world.clock.now()
        for number in range(200):
            await world.put("a", Ore(grams=number))
        assert len(recorder.seen) == 200
        assert world.clock.now() == started
        assert faulty.calls == 1  # the backoff holds it, however often it is woken
        await world.clock.advance(3600)
        assert 60 <= faulty.calls <= 90  # once a minute, at most
        status = await world.status("Faulty")
        assert (status.state, status.last_error) == ("crashed", "ValueError: broken")
        assert 0 <= faulty.calls - status.failures <= 1  # the last one may not have been flushed yet


async def test_backoff_grows_and_starts_over_after_success(caplog: pytest.LogCaptureFixture) -> None:
    faulty = Faulty(fail)
    async with World(faulty) as world:
        with caplog.at_level(logging.ERROR):
            for _ in range(6):
                [*_, delay] = world.clock.deadlines()
                await world.clock.advance(delay)
        delays = [record.retry_seconds for record in caplog.records if record.message == "controller failed"]  # type: ignore[attr-defined]  # by extra
        assert all(later > earlier for earlier, later in zip(delays[::2], delays[2::2], strict=False))
        assert all(record.controller == "Faulty" for record in caplog.records)  # type: ignore[attr-defined]  # by extra
        faulty.act = lambda _: ()
        await world.clock.advance(60)
        assert (await world.status("Faulty")).state == "running"
        assert (await world.status("Faulty")).last_error == "ValueError: broken"
        faulty.act = fail
        await world.put("a", Ore())
        assert max(world.clock.deadlines()) <= 10  # the counters' flush; the backoff is at its beginning


async def test_the_same_failure_shows_its_traceback_once(caplog: pytest.LogCaptureFixture) -> None:
    async with World(Faulty(fail)) as world:
        await world.clock.advance(30)
    traces = [record for record in caplog.records if record.message == "controller failed" and record.exc_info]
    assert len(traces) == 1


async def test_waiting_leaves_the_outputs_and_names_the_blocker() -> None:
    faulty = Faulty(lambda _: [Wanted("x", Bar())])
    async with World(faulty) as world:
        assert await world.ids(Bar) == ["x"]

        def wait(view: View) -> None:
            view.get(Ore, "missing")

        faulty.act = wait
        await world.put("a", Ore())
        status = await world.status("Faulty")
        assert (status.state, status.waits_for, status.failures) == ("waiting", "Ore/missing", 0)
        assert await world.ids(Bar) == ["x"]
        faulty.act = lambda _: None
        await world.put("a", Ore(grams=1))
        assert (await world.status("Faulty")).waits_for == ""
        assert await world.ids(Bar) == []


async def test_a_generator_that_waits_half_way_changes_nothing() -> None:
    def half(view: View) -> Iterator[Wanted]:
        yield Wanted("x", Bar())
        view.get(Ore, "missing")

    async with World(Faulty(half)) as world:
        assert await world.ids(Bar) == []


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda view: view.list(Coin), "does not declare engine-early/Coin"),
        (lambda view: view.list(Ore, LATE), "does not declare engine-late/Ore"),
        (lambda view: view.own(Coin), "add it to outputs"),
        (lambda _: [Wanted("x", Coin())], "does not declare engine-early/Coin"),
        (lambda _: [Wanted("x", Bar(), namespace=LATE)], "does not declare engine-late/Bar"),
        (lambda _: [Wanted("x", Bar()), Wanted("x", Bar(grams=1))], "wants Bar/x twice"),
    ],
)
async def test_what_is_not_declared_cannot_be_touched(act: Callable[[View], Any], words: str) -> None:
    async with World(Faulty(act)) as world:
        status = await world.status("Faulty")
        assert status.state == "crashed"
        assert words in status.last_error
        assert await world.ids(Bar) == await world.ids(Coin) == await world.ids(Bar, LATE) == []


async def test_outputs_are_updated_only_when_they_differ() -> None:
    async with World(Smelter()) as world:
        await world.put("a", Ore(grams=8))
        before = await world.get(Bar, "a")
        await world.put("a", Ore(grams=9))
        assert await world.get(Bar, "a") == before
        await world.put("a", Ore(grams=10))
        assert (await world.get(Bar, "a")).metadata.version == before.metadata.version + 1


class Sharer(Controller):
    """Makes bars together with others."""

    outputs = (Output(Bar, kind=SHARED),)
    inputs = (Input(Ore),)

    def __init__(self, name: str, ids: str) -> None:
        self.name = name
        self.want = ids

    def reconcile(self, view: View) -> Iterator[Wanted]:
        for id_ in self.want:
            yield Wanted(id_, Bar(grams=len(view.own(Bar))))


async def test_shared_outputs_keep_their_owners() -> None:
    one, two = Sharer("one", "ab"), Sharer("two", "bc")
    async with World(one, two) as world:
        owners = {bar.id: bar.metadata.owner for bar in await world.store.list(Bar)}
        assert owners == {"a": "one", "b": "one", "c": "two"}
        assert "belongs" in (await world.status("two")).last_error or "owner is one" in (await world.status("two")).last_error
        assert (await world.status("one")).state == "running"
        one.want = "a"
        await world.put("x", Ore())
        await world.clock.advance(60)
        owners = {bar.id: bar.metadata.owner for bar in await world.store.list(Bar)}
        assert owners == {"a": "one", "b": "two", "c": "two"}


async def test_an_exclusive_output_has_one_owner() -> None:
    with pytest.raises(GraphError, match="engine-early/Bar is made by Faulty, Smelter"):
        World(Faulty(fail), Smelter())
    with pytest.raises(GraphError, match="not all of them share it"):
        World(Sharer("one", ""), Smelter())
    with pytest.raises(GraphError, match="two controllers are called Smelter"):
        World(Smelter(), Smelter())


async def test_controllers_may_be_registered_by_and_by() -> None:
    world = World(Smelter())
    world.engine.register([Mint()])
    world.engine.register([Hoard()])
    assert [controller.name for controller in world.engine.controllers] == ["Smelter", "Mint", "Hoard"]
    with pytest.raises(GraphError, match="two controllers are called Mint"):
        world.engine.register([Mint()])


async def test_nobody_else_makes_statuses() -> None:
    impostor = Faulty(fail)
    impostor.outputs = (Output(ControllerStatus),)
    with pytest.raises(GraphError, match="the engine"):
        World(impostor)


async def test_wake_after_counts_from_the_reconcile_and_the_soonest_wins() -> None:
    def act(view: View) -> None:
        view.wake_after(30)
        view.wake_after(10)
        view.wake_after(20)

    faulty = Faulty(act)
    async with World(faulty) as world:
        await world.clock.advance(9)
        await world.put("a", Ore())
        assert faulty.calls == 2  # and the alarm was set anew
        await world.clock.advance(9)
        assert faulty.calls == 2
        await world.clock.advance(1)
        assert faulty.calls == 3


async def test_wake_after_holds_for_a_controller_that_waits() -> None:
    def act(view: View) -> None:
        view.wake_after(5)
        raise Waiting("the moon")

    faulty = Faulty(act)
    async with World(faulty) as world:
        await world.clock.advance(5)
        assert faulty.calls == 2


class Reaper(Recorder):
    """Has what is ready destroyed."""

    name = "Reaper"
    inputs = (Input(Ore, kind=DESTROY_READY),)


async def test_destroy_ready_sees_only_what_is_ready_and_ends_it() -> None:
    reaper = Reaper()
    async with World(reaper) as world:
        await world.put("a", Ore(), owner="gone")
        await world.put("b", Ore())
        await world.store.add_finalizer(Ore, "a", "f")
        await world.store.teardown(Ore, "a", owner="gone")
        await settle()
        assert all(seen == [] for seen in reaper.seen)
        await world.store.remove_finalizer(Ore, "a", "f")
        await settle()
        assert reaper.seen[-1] == ["a"]
        assert await world.ids(Ore) == ["b"]


async def test_a_strong_input_is_not_let_go_while_the_reconcile_fails() -> None:
    smelter = Smelter()
    async with World(smelter) as world:
        await world.put("a", Ore())
        smelter.reconcile = fail  # type: ignore[assignment,method-assign]  # the fault to be tested
        assert await world.remove(Ore, "a") is False
        del smelter.reconcile  # healed
        await world.clock.advance(60)
        assert await world.ids(Bar) == []
        assert await world.remove(Ore, "a") is True


async def test_statuses_are_inputs_and_raise_no_storm() -> None:
    class Watchman(Recorder):
        name = "Watchman"
        inputs = (Input(ControllerStatus),)

        def reconcile(self, view: View) -> Iterable[Wanted]:
            self.seen.append([s.id for s in view.list(ControllerStatus) if s.spec.state == "crashed"])
            return ()

    watchman, faulty = Watchman(), Faulty(lambda _: None)
    async with World(watchman, faulty) as world:
        for number in range(50):
            await world.put("a", Ore(grams=number))
        await world.clock.advance(3600)
        assert len(watchman.seen) <= 2
        assert (await world.status("Faulty")).reconciles == 51  # flushed by and by
        faulty.act = fail
        await world.put("a", Ore(grams=99))
        assert watchman.seen[-1] == ["Faulty"]


async def test_settled_controllers_cost_nothing() -> None:
    async with World(Smelter(), Mint()) as world:
        await world.put("a", Ore(grams=8))
        await world.clock.advance(60)
        assert world.clock.deadlines() == []


async def test_close_asks_every_controller_to_release_what_it_holds(caplog: pytest.LogCaptureFixture) -> None:
    class Holder(Recorder):
        closed = 0

        async def close(self) -> None:
            Holder.closed += 1
            if self.name == "bad":
                raise OSError("cannot let go")

    good, bad = Holder(), Holder()
    bad.name = "bad"
    async with World(good, bad):
        pass
    assert Holder.closed == 2
    assert any(record.message == "task failed while closing" for record in caplog.records)


async def test_close_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    stuck = asyncio.Event()

    class Clinger(Recorder):
        async def close(self) -> None:
            try:
                await stuck.wait()
            except asyncio.CancelledError:
                await stuck.wait()

    world = World(Clinger())
    await world.engine.start()
    async with asyncio.timeout(5):
        await world.engine.close(0.01)
    assert any(record.message == "task does not end" for record in caplog.records)
    stuck.set()
    await settle()
