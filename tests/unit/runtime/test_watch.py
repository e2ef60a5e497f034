"""The ring of events, and what a watcher of some resources sees of it."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.runtime.errors import Overrun
from controllers.runtime.memory import MemoryStore
from controllers.runtime.resource import Resource, Spec, new, replace
from controllers.runtime.store import Change, Selector
from controllers.runtime.watch import EventLog
from tests.harness.clock import FakeClock, settle


class Tick(Spec, frozen=True, kw_only=True):
    """Something that changes."""

    namespace = "watch"
    number: int = 0


def tick(number: int) -> Resource[Any]:
    return new(str(number), Tick(number=number))


async def test_a_reader_that_keeps_up_sees_everything() -> None:
    log = EventLog("life", 4)
    reader = log.follow(log.end)
    for number in range(50):
        waiting = asyncio.ensure_future(anext(reader))
        await settle(3)
        log.append(Change.CREATED, tick(number))
        assert (await waiting).resource == tick(number)


async def test_a_reader_that_falls_behind_by_the_ring_is_fine_and_by_more_is_told() -> None:
    log = EventLog("life", 4)
    for number in range(4):
        log.append(Change.CREATED, tick(number))
    assert (await anext(log.follow(0))).resource == tick(0)
    late = log.follow(0)
    assert (await anext(late)).resource == tick(0)
    log.append(Change.CREATED, tick(4))
    assert (await anext(late)).resource == tick(1)
    log.append(Change.CREATED, tick(5))
    log.append(Change.CREATED, tick(6))
    with pytest.raises(Overrun, match="1 events were missed"):
        await anext(late)


@given(st.integers(0, 30), st.integers(1, 10))
def test_bookmarks_hold_as_long_as_the_ring(appended: int, capacity: int) -> None:
    log = EventLog("life", capacity)
    marks = [log.bookmark(0)]
    for number in range(appended):
        log.append(Change.CREATED, tick(number))
        marks.append(log.bookmark(log.end))
    for place, mark in enumerate(marks):
        if appended - place <= capacity:
            assert log.find_place(mark) == place
        else:
            with pytest.raises(Overrun):
                log.find_place(mark)
    with pytest.raises(Overrun):
        EventLog("other", capacity).find_place(marks[0])


Step = st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "label", "remove"]), st.integers(0, 9))


@given(st.lists(Step, max_size=30), st.sampled_from([Selector(), Selector(id="[ab]"), Selector(labels={"x": None})]))
async def test_who_applies_every_event_has_what_a_list_gives(steps: list[tuple[str, str, int]], selector: Selector) -> None:
    store = MemoryStore(FakeClock())
    copy: dict[str, Resource[Tick]] = {}

    async def follow() -> None:
        async for event in store.watch(Tick, selector=selector):
            if event.resource is None:
                continue
            if event.change is Change.DESTROYED:
                del copy[event.resource.id]
            else:
                assert (event.resource.id in copy) == (event.change is Change.UPDATED)
                copy[event.resource.id] = event.resource

    task = asyncio.create_task(follow())
    await settle(3)
    for id_, step, number in steps:
        there = await store.find(Tick, id_)
        if there is None:
            await store.create(new(id_, Tick(number=number), labels={"x": "1"} if number % 2 else {}))
        elif step == "put":
            await store.update(replace(there, Tick(number=number)))
        elif step == "label":
            labels = {} if there.metadata.labels else {"x": "2"}
            await store.update(Resource(msgspec.structs.replace(there.metadata, labels=labels), there.spec))
        else:
            await store.teardown(Tick, id_)
            await store.destroy(Tick, id_)
    await settle(len(steps) + 5)
    task.cancel()
    assert [copy[id_] for id_ in sorted(copy)] == await store.list(Tick, selector=selector)
