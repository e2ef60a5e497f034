"""The store in memory: what the brain runs on.

No method ever suspends, so each is atomic on the event loop and a run of them is a consistent snapshot. It belongs to
one event loop and is not for threads.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, cast

import msgspec

from controllers.runtime.clock import Clock, SystemClock
from controllers.runtime.errors import (
    AlreadyExists,
    Conflict,
    NotFound,
    OwnerConflict,
    PendingFinalizers,
    PhaseConflict,
    StoreError,
)
from controllers.runtime.resource import Metadata, Phase, Resource, S, Spec
from controllers.runtime.store import EVERYTHING, Change, Event, Selector
from controllers.runtime.watch import EventLog, select

Kind = tuple[str, type[Spec]]
Shelf = dict[str, Resource[Any]]


class MemoryStore:
    """Keeps `controllers.runtime.store.Store`. `history`: how many events per kind a slow watcher may be behind."""

    def __init__(self, clock: Clock | None = None, *, history: int = 1024) -> None:
        self._clock = clock or SystemClock()
        self._history = history
        self._epoch = os.urandom(4).hex()
        self._shelves: dict[Kind, Shelf] = {}
        self._logs: dict[Kind, EventLog] = {}

    async def get(self, type_: type[S], id_: str, namespace: str | None = None) -> Resource[S]:
        """See `Store.get`."""
        return self._get(type_, id_, namespace)

    async def find(self, type_: type[S], id_: str, namespace: str | None = None) -> Resource[S] | None:
        """See `Store.find`."""
        return cast("Resource[S] | None", self._shelf(type_, namespace).get(id_))

    async def create(self, resource: Resource[S]) -> Resource[S]:
        """See `Store.create`."""
        wanted = resource.metadata
        if not wanted.id or not wanted.namespace:
            raise StoreError(f"{wanted} has no {'namespace' if wanted.id else 'id'}")
        if (there := self._shelf(type(resource.spec), wanted.namespace).get(wanted.id)) is not None:
            if there.tearing_down:
                raise PhaseConflict(f"{wanted} is tearing down", _held_by(there.metadata))
            raise AlreadyExists(f"{wanted} is there already", f"its owner is {there.metadata.owner or 'nobody'}")
        now = self._clock.wall()
        metadata = msgspec.structs.replace(wanted, version=1, phase=Phase.RUNNING, finalizers=(), created=now, updated=now)
        return self._put(Resource(metadata, resource.spec), None)

    async def update(self, resource: Resource[S], *, owner: str = "", phase: Phase | None = Phase.RUNNING) -> Resource[S]:
        """See `Store.update`."""
        wanted = resource.metadata
        old = self._get(type(resource.spec), wanted.id, wanted.namespace)
        _check_owner(old.metadata, owner)
        if phase not in (None, old.metadata.phase):
            raise PhaseConflict(f"{wanted} is {old.metadata.phase}, not {phase}", _held_by(old.metadata))
        if wanted.version != old.metadata.version:
            raise Conflict(f"{wanted} has version {old.metadata.version}, not {wanted.version}", "read it again")
        have = old.metadata
        if (resource.spec, wanted.labels, wanted.annotations) == (old.spec, have.labels, have.annotations):
            return old
        return self._change(old, resource.spec, labels=wanted.labels, annotations=wanted.annotations)

    async def teardown(self, type_: type[S], id_: str, namespace: str | None = None, *, owner: str = "") -> bool:
        """See `Store.teardown`."""
        old = self._get(type_, id_, namespace)
        _check_owner(old.metadata, owner)
        if not old.tearing_down:
            self._change(old, old.spec, phase=Phase.TEARING_DOWN)
        return not old.metadata.finalizers

    async def destroy(self, type_: type[S], id_: str, namespace: str | None = None, *, owner: str = "") -> None:
        """See `Store.destroy`."""
        old = self._get(type_, id_, namespace)
        _check_owner(old.metadata, owner)
        if not old.tearing_down:
            raise PhaseConflict(f"{old.metadata} is running", "tear it down first")
        if old.metadata.finalizers:
            raise PendingFinalizers(f"{old.metadata} cannot be destroyed yet", _held_by(old.metadata))
        del self._shelves[old.metadata.namespace, type_][id_]
        self._log(type_, old.metadata.namespace).append(Change.DESTROYED, old)

    async def add_finalizer(self, type_: type[S], id_: str, finalizer: str, namespace: str | None = None) -> None:
        """See `Store.add_finalizer`."""
        old = self._get(type_, id_, namespace)
        if finalizer in old.metadata.finalizers:
            return
        if old.tearing_down:
            raise PhaseConflict(f"{old.metadata} is tearing down", "it can no longer be held")
        self._change(old, old.spec, finalizers=(*old.metadata.finalizers, finalizer))

    async def remove_finalizer(self, type_: type[S], id_: str, finalizer: str, namespace: str | None = None) -> None:
        """See `Store.remove_finalizer`."""
        old = self._get(type_, id_, namespace)
        if finalizer in old.metadata.finalizers:
            left = tuple(name for name in old.metadata.finalizers if name != finalizer)
            self._change(old, old.spec, finalizers=left)

    async def watch(
        self,
        type_: type[S],
        id_: str | None = None,
        namespace: str | None = None,
        *,
        selector: Selector = EVERYTHING,
        since: str = "",
    ) -> AsyncIterator[Event[S]]:
        """See `Store.watch`."""
        log = self._log(type_, namespace)
        place = log.find_place(since) if since else log.end
        if not since:
            bookmark = log.bookmark(place)
            for resource in await self.list(type_, namespace, selector):
                if id_ in (None, resource.id):
                    yield Event(change=Change.CREATED, bookmark="", resource=resource)
            yield Event(change=Change.BOOKMARK, bookmark=bookmark)
        async for event in log.follow(place):
            if (seen := select(event, id_, selector)) is not None:
                yield seen

    def _get(self, type_: type[S], id_: str, namespace: str | None) -> Resource[S]:
        with suppress(KeyError):
            return cast("Resource[S]", self._shelf(type_, namespace)[id_])
        raise NotFound(f"{type_.__name__}/{id_} is not there")

    def _change(self, old: Resource[S], spec: S, **changes: Any) -> Resource[S]:
        metadata = msgspec.structs.replace(
            old.metadata, version=old.metadata.version + 1, updated=self._clock.wall(), **changes
        )
        return self._put(Resource(metadata, spec), old)

    def _put(self, resource: Resource[S], old: Resource[S] | None) -> Resource[S]:
        type_, namespace = type(resource.spec), resource.metadata.namespace
        self._shelves.setdefault((namespace, type_), {})[resource.id] = resource
        self._log(type_, namespace).append(Change.UPDATED if old else Change.CREATED, resource, old)
        return resource

    def _shelf(self, type_: type[S], namespace: str | None) -> Mapping[str, Resource[Any]]:
        """Return what there is of a kind; reading one that is not there must not make it."""
        return self._shelves.get((namespace or type_.namespace, type_), {})

    def _log(self, type_: type[S], namespace: str | None) -> EventLog:
        kind = (namespace or type_.namespace, type_)
        if kind not in self._logs:
            self._logs[kind] = EventLog(self._epoch, self._history)
        return self._logs[kind]

    # Last, because its name hides the builtin in the rest of the class.
    async def list(self, type_: type[S], namespace: str | None = None, selector: Selector = EVERYTHING) -> list[Resource[S]]:
        """See `Store.list`."""
        shelf = self._shelf(type_, namespace)
        return [shelf[id_] for id_ in sorted(shelf) if selector.matches(shelf[id_].metadata)]


def _check_owner(metadata: Metadata, owner: str) -> None:
    if metadata.owner != owner:
        raise OwnerConflict(f"{metadata} belongs to {metadata.owner or 'nobody'}, not to {owner or 'nobody'}")


def _held_by(metadata: Metadata) -> str:
    return "held by " + (", ".join(metadata.finalizers) or "nobody")
