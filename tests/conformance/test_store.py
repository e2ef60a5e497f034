"""What a store is, whoever keeps it. Every test runs over the memory store and over the same behind a socket."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from controllers.runtime.errors import (
    AlreadyExists,
    Conflict,
    NotFound,
    Overrun,
    OwnerConflict,
    PendingFinalizers,
    PhaseConflict,
    StoreError,
)
from controllers.runtime.memory import MemoryStore
from controllers.runtime.remote import RemoteStore, StoreService
from controllers.runtime.resource import Part, Phase, Secret, SecretBytes, Spec, new, replace
from controllers.runtime.store import Change, Event, Selector, Store
from controllers.runtime.wire_client import WireClient
from controllers.runtime.wire_server import WireServer
from tests.harness.clock import FakeClock

HISTORY = 8
LIMIT = 10  # seconds of real time that one wait may take


class Leg(Part, frozen=True, kw_only=True):
    """A nested value."""

    name: str
    toes: int = 5


class Snake(Spec, frozen=True, kw_only=True):
    """A spec with every sort of field that must travel."""

    namespace = "conformance"
    length: float = 1.0
    name: str = ""
    phase: Phase = Phase.RUNNING
    legs: tuple[Leg, ...] = ()
    venom: Secret = ""
    egg: SecretBytes = b""
    notes: dict[str, str] = {}
    parent: Leg | None = None


class Bird(Spec, frozen=True, kw_only=True):
    """Another type with the same ids."""

    namespace = "conformance"
    name: str = ""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["memory", "remote"])
async def store(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Store]:
    memory = MemoryStore(clock, history=HISTORY)
    if request.param == "memory":
        yield memory
        return
    server = WireServer(tmp_path / "store.sock", StoreService(memory).methods())
    await server.start()
    client = await WireClient.connect(tmp_path / "store.sock")
    yield RemoteStore(client)
    await client.close()
    await server.close()


class Watcher:
    """Follows a watch in tests: every step has a limit."""

    def __init__(self, events: AsyncIterator[Event[Any]]) -> None:
        self._events = aiter(events)

    async def next(self) -> Event[Any]:
        async with asyncio.timeout(LIMIT):
            return await anext(self._events)

    async def told(self, count: int) -> list[tuple[str, str, str]]:
        """Return change, id and name of the next events."""
        return [brief(await self.next()) for _ in range(count)]


def brief(event: Event[Any]) -> tuple[str, str, str]:
    resource = event.resource
    return (event.change.value, resource.id if resource else "", resource.spec.name if resource else "")


FULL = Snake(
    length=2.5,
    name="kaa",
    legs=(Leg(name="left"), Leg(name="right", toes=4)),
    venom="poison",
    egg=b"\x00\xff",
    notes={"a": "b"},
    parent=Leg(name="old"),
)


async def test_what_is_created_is_what_is_read(store: Store, clock: FakeClock) -> None:
    made = await store.create(new("a", FULL, owner="me", labels={"l": "1"}, annotations={"n": "2"}))
    assert made.spec == FULL
    assert made.metadata.version == 1
    assert (made.metadata.owner, made.metadata.phase) == ("me", Phase.RUNNING)
    assert (made.metadata.namespace, made.metadata.type, made.metadata.id) == ("conformance", "Snake", "a")
    assert (made.metadata.labels, made.metadata.annotations) == ({"l": "1"}, {"n": "2"})
    assert made.metadata.created == made.metadata.updated == clock.wall()
    assert await store.get(Snake, "a") == made
    assert await store.find(Snake, "a") == made
    assert await store.list(Snake) == [made]


async def test_secrets_are_kept_as_they_are_but_not_shown(store: Store) -> None:
    made = await store.create(new("a", FULL))
    assert (made.spec.venom, made.spec.egg) == ("poison", b"\x00\xff")
    assert "poison" not in repr(made)


async def test_what_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="Snake/a"):
        await store.get(Snake, "a")
    assert await store.find(Snake, "a") is None
    assert await store.list(Snake) == []
    for call in (
        store.update(new("a", Snake())),
        store.teardown(Snake, "a"),
        store.destroy(Snake, "a"),
        store.add_finalizer(Snake, "a", "f"),
        store.remove_finalizer(Snake, "a", "f"),
    ):
        with pytest.raises(NotFound):
            await call


async def test_types_and_namespaces_are_apart(store: Store) -> None:
    await store.create(new("a", Snake(name="1")))
    await store.create(new("a", Snake(name="2"), namespace="elsewhere"))
    await store.create(new("a", Bird(name="3")))
    assert [r.spec.name for r in await store.list(Snake)] == ["1"]
    assert [r.spec.name for r in await store.list(Snake, "elsewhere")] == ["2"]
    assert (await store.get(Snake, "a", "elsewhere")).metadata.namespace == "elsewhere"
    assert (await store.get(Bird, "a")).spec.name == "3"


async def test_an_id_can_be_taken_once(store: Store) -> None:
    await store.create(new("a", Snake(), owner="me"))
    with pytest.raises(AlreadyExists, match="me"):
        await store.create(new("a", Snake(), owner="you"))


@pytest.mark.parametrize(("id_", "namespace"), [("", "n"), ("a", "")])
async def test_nameless_resources_are_refused(store: Store, id_: str, namespace: str) -> None:
    made = new(id_, Snake(), namespace="n")
    made = type(made)(type(made.metadata)(namespace=namespace, type="Snake", id=id_), made.spec)
    with pytest.raises(StoreError):
        await store.create(made)


async def test_update_raises_the_version_and_keeps_the_rest(store: Store, clock: FakeClock) -> None:
    made = await store.create(new("a", Snake(), owner="me"))
    await store.add_finalizer(Snake, "a", "f")
    await clock.advance(5)
    read = await store.get(Snake, "a")
    updated = await store.update(replace(read, Snake(name="new")), owner="me")
    assert updated.spec.name == "new"
    assert updated.metadata.version == read.metadata.version + 1
    assert updated.metadata.created == made.metadata.created
    assert updated.metadata.updated == made.metadata.updated + 5
    assert (updated.metadata.owner, updated.metadata.finalizers) == ("me", ("f",))


async def test_update_that_changes_nothing_is_no_change(store: Store) -> None:
    made = await store.create(new("a", FULL))
    assert await store.update(replace(made, FULL)) == made


async def test_update_of_an_old_version_is_a_conflict(store: Store) -> None:
    made = await store.create(new("a", Snake()))
    await store.update(replace(made, Snake(name="1")))
    with pytest.raises(Conflict, match="version 2, not 1"):
        await store.update(replace(made, Snake(name="2")))
    assert (await store.get(Snake, "a")).spec.name == "1"


@pytest.mark.parametrize(("owner", "other"), [("me", "you"), ("me", ""), ("", "you")])
async def test_only_the_owner_changes_a_resource(store: Store, owner: str, other: str) -> None:
    made = await store.create(new("a", Snake(), owner=owner))
    for call in (
        store.update(replace(made, Snake(name="1")), owner=other),
        store.teardown(Snake, "a", owner=other),
        store.destroy(Snake, "a", owner=other),
    ):
        with pytest.raises(OwnerConflict):
            await call
    assert await store.get(Snake, "a") == made


async def test_tearing_down_waits_for_the_finalizers(store: Store) -> None:
    await store.create(new("a", Snake()))
    await store.add_finalizer(Snake, "a", "f")
    await store.add_finalizer(Snake, "a", "g")
    await store.add_finalizer(Snake, "a", "f")
    assert (await store.get(Snake, "a")).metadata.finalizers == ("f", "g")
    assert await store.teardown(Snake, "a") is False
    with pytest.raises(PendingFinalizers, match=r"f, g"):
        await store.destroy(Snake, "a")
    await store.remove_finalizer(Snake, "a", "f")
    await store.remove_finalizer(Snake, "a", "f")
    assert await store.teardown(Snake, "a") is False
    await store.remove_finalizer(Snake, "a", "g")
    assert await store.teardown(Snake, "a") is True
    await store.destroy(Snake, "a")
    assert await store.find(Snake, "a") is None


async def test_a_running_resource_is_not_destroyed(store: Store) -> None:
    await store.create(new("a", Snake()))
    with pytest.raises(PhaseConflict):
        await store.destroy(Snake, "a")


async def test_what_is_tearing_down_is_neither_updated_nor_held_nor_made_again(store: Store) -> None:
    await store.create(new("a", Snake()))
    await store.teardown(Snake, "a")
    read = await store.get(Snake, "a")
    assert read.tearing_down
    for call in (
        store.update(replace(read, Snake(name="1"))),
        store.add_finalizer(Snake, "a", "f"),
        store.create(new("a", Snake())),
    ):
        with pytest.raises(PhaseConflict):
            await call


async def test_update_says_which_phase_it_means(store: Store) -> None:
    made = await store.create(new("a", Snake()))
    with pytest.raises(PhaseConflict):
        await store.update(replace(made, Snake(name="1")), phase=Phase.TEARING_DOWN)
    await store.teardown(Snake, "a")
    read = await store.get(Snake, "a")
    read = await store.update(replace(read, Snake(name="1")), phase=Phase.TEARING_DOWN)
    read = await store.update(replace(read, Snake(name="2")), phase=None)
    assert (read.spec.name, read.tearing_down) == ("2", True)


async def test_after_destroy_the_id_is_free_and_versions_begin_anew(store: Store) -> None:
    await store.create(new("a", Snake()))
    await store.teardown(Snake, "a")
    await store.destroy(Snake, "a")
    assert (await store.create(new("a", Snake()))).metadata.version == 1


@pytest.mark.parametrize(
    ("selector", "ids"),
    [
        (Selector(), "abc"),
        (Selector(labels={"x": "1"}), "ab"),
        (Selector(labels={"x": None}), "abc"),
        (Selector(labels={"y": None}), "a"),
        (Selector(labels={"x": "1", "y": "2"}), "a"),
        (Selector(labels={"x": "3"}), ""),
        (Selector(id="[ab]"), "ab"),
        (Selector(id="*"), "abc"),
        (Selector(id="A"), ""),
        (Selector(id="b", labels={"y": "2"}), ""),
    ],
)
async def test_selectors(store: Store, selector: Selector, ids: str) -> None:
    for id_, labels in (("c", {"x": "2"}), ("a", {"x": "1", "y": "2"}), ("b", {"x": "1"})):
        await store.create(new(id_, Snake(), labels=labels))
    assert "".join(r.id for r in await store.list(Snake, selector=selector)) == ids


async def test_watch_tells_contents_then_a_bookmark_then_changes(store: Store) -> None:
    made = await store.create(new("b", Snake(name="1")))
    await store.create(new("a", Snake(name="0")))
    await store.create(new("c", Bird()))
    watch = Watcher(store.watch(Snake))
    assert await watch.told(3) == [("created", "a", "0"), ("created", "b", "1"), ("bookmark", "", "")]
    await store.update(replace(made, Snake(name="2")))
    event = await watch.next()
    assert event.change is Change.UPDATED
    assert event.old == made
    assert event.resource is not None
    assert event.resource.spec.name == "2"
    await store.teardown(Snake, "b")
    await store.destroy(Snake, "b")
    await store.create(new("d", Snake(name="3")))
    assert await watch.told(3) == [("updated", "b", "2"), ("destroyed", "b", "2"), ("created", "d", "3")]


async def test_watch_of_one_resource(store: Store) -> None:
    watch = Watcher(store.watch(Snake, "b"))
    assert await watch.told(1) == [("bookmark", "", "")]
    for id_ in "abc":
        await store.create(new(id_, Snake(name=id_)))
    assert await watch.told(1) == [("created", "b", "b")]


async def test_watch_of_another_namespace(store: Store) -> None:
    watch = Watcher(store.watch(Snake, None, "elsewhere"))
    await watch.told(1)
    await store.create(new("a", Snake()))
    await store.create(new("b", Snake(), namespace="elsewhere"))
    assert await watch.told(1) == [("created", "b", "")]


async def test_what_stops_matching_is_destroyed_to_the_watcher(store: Store) -> None:
    made = await store.create(new("a", Snake(name="1"), labels={"x": "1"}))
    other = await store.create(new("b", Snake(name="2")))
    watch = Watcher(store.watch(Snake, selector=Selector(labels={"x": "1"})))
    assert await watch.told(2) == [("created", "a", "1"), ("bookmark", "", "")]
    await store.update(new_labels(made, {}))
    await store.update(new_labels(other, {"x": "1"}))
    assert await watch.told(2) == [("destroyed", "a", "1"), ("created", "b", "2")]


def new_labels(resource: Any, labels: dict[str, str]) -> Any:
    made = new(resource.id, resource.spec, labels=labels)
    metadata = type(made.metadata)(namespace="conformance", type="Snake", id=resource.id, version=1, labels=labels)
    return type(made)(metadata, resource.spec)


async def test_watch_goes_on_from_a_bookmark(store: Store) -> None:
    watch = Watcher(store.watch(Snake))
    bookmark = (await watch.next()).bookmark
    await store.create(new("a", Snake()))
    await store.create(new("b", Snake()))
    first = await watch.next()
    again = Watcher(store.watch(Snake, since=bookmark))
    assert await again.told(2) == [("created", "a", ""), ("created", "b", "")]
    later = Watcher(store.watch(Snake, since=first.bookmark))
    assert await later.told(1) == [("created", "b", "")]


async def test_a_slow_watcher_is_told_that_it_is(store: Store) -> None:
    watch = Watcher(store.watch(Snake))
    bookmark = (await watch.next()).bookmark
    for number in range(HISTORY + 1):
        await store.create(new(f"{number:03}", Snake()))
    with pytest.raises(Overrun):
        await Watcher(store.watch(Snake, since=bookmark)).next()


@pytest.mark.parametrize("bookmark", ["nonsense", "0:0", ":", "0:99999999999999999999999", "ü:١"])
async def test_a_bookmark_of_another_life_is_too_old(store: Store, bookmark: str) -> None:
    with pytest.raises(Overrun):
        await Watcher(store.watch(Snake, since=bookmark)).next()


async def test_a_bookmark_from_the_future_is_refused(store: Store) -> None:
    bookmark = (await Watcher(store.watch(Snake)).next()).bookmark
    epoch, _, number = bookmark.rpartition(":")
    with pytest.raises(Overrun):
        await Watcher(store.watch(Snake, since=f"{epoch}:{int(number) + 1}")).next()


async def test_many_watchers_are_all_told(store: Store) -> None:
    watches = [Watcher(store.watch(Snake)) for _ in range(20)]
    for watch in watches:
        await watch.told(1)
    await store.create(new("a", Snake()))
    for watch in watches:
        assert await watch.told(1) == [("created", "a", "")]
