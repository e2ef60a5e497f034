"""What a store is: resources by namespace, type and id, with optimistic versions, owners, phases and finalizers.

Life of a resource: create → update … → teardown (phase `tearing-down`, nobody may update it) → its finalizers go, one
by one → destroy. `MemoryStore` and `RemoteStore` keep this protocol; `tests/conformance/test_store.py` says what it
means. `namespace=None` always means the type's own.
"""

from collections.abc import AsyncIterator
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Generic, Protocol

import msgspec

from controllers.runtime.resource import Metadata, Phase, Resource, S


class Selector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which resources of a type: `labels` (value `None`: the label is there) and `id`, a shell-like pattern; empty is
    all.
    """

    labels: dict[str, str | None] = {}
    id: str = ""

    def matches(self, metadata: Metadata) -> bool:
        """Return whether a resource is selected."""
        if self.id and not fnmatchcase(metadata.id, self.id):
            return False
        have = metadata.labels
        return all(key in have and value in (None, have[key]) for key, value in self.labels.items())


EVERYTHING = Selector()


class Change(StrEnum):
    """What a watcher is told. `BOOKMARK` ends the current contents: what follows are changes."""

    CREATED = "created"
    UPDATED = "updated"
    DESTROYED = "destroyed"
    BOOKMARK = "bookmark"


class Event(msgspec.Struct, Generic[S], frozen=True, kw_only=True):
    """One thing that a watcher is told.

    `resource` is what is now there (`DESTROYED`: what was there last), `old` what was there before an update; both
    `None` in a bookmark. `bookmark` is where to go on: hand it to `watch(since=…)`; it is empty while the current
    contents are told.
    """

    change: Change
    bookmark: str
    resource: Resource[S] | None = None
    old: Resource[S] | None = None


class Store(Protocol):
    """Resources. All methods raise `StoreError`s and nothing else; `owner` is who asks ("" is nobody)."""

    async def get(self, type_: type[S], id_: str, namespace: str | None = None) -> Resource[S]:
        """Return one resource. Raises `NotFound`."""
        ...

    async def find(self, type_: type[S], id_: str, namespace: str | None = None) -> Resource[S] | None:
        """Return one resource, or None."""
        ...

    async def list(self, type_: type[S], namespace: str | None = None, selector: Selector = EVERYTHING) -> list[Resource[S]]:
        """Return the selected resources of a type, by id."""
        ...

    async def create(self, resource: Resource[S]) -> Resource[S]:
        """Store what `resource.new` made and return it with version 1. Raises `AlreadyExists`, `PhaseConflict`."""
        ...

    async def update(self, resource: Resource[S], *, owner: str = "", phase: Phase | None = Phase.RUNNING) -> Resource[S]:
        """Replace spec, labels and annotations; return what is stored, its version one higher.

        An update that changes nothing is no change. `phase` is the one it must be in (`None`: either).
        Raises `NotFound`, `Conflict` (version), `OwnerConflict`, `PhaseConflict`.
        """
        ...

    async def teardown(self, type_: type[S], id_: str, namespace: str | None = None, *, owner: str = "") -> bool:
        """Start tearing down (again is fine); return whether it can be destroyed. Raises `NotFound`,
        `OwnerConflict`.
        """
        ...

    async def destroy(self, type_: type[S], id_: str, namespace: str | None = None, *, owner: str = "") -> None:
        """Remove a resource. Raises `NotFound`, `OwnerConflict`, `PhaseConflict` (not torn down),
        `PendingFinalizers`.
        """
        ...

    async def add_finalizer(self, type_: type[S], id_: str, finalizer: str, namespace: str | None = None) -> None:
        """Hold a resource (again is fine). Anybody may. Raises `NotFound`, `PhaseConflict` when it is tearing down."""
        ...

    async def remove_finalizer(self, type_: type[S], id_: str, finalizer: str, namespace: str | None = None) -> None:
        """Let go of a resource (again is fine). Raises `NotFound`."""
        ...

    def watch(
        self,
        type_: type[S],
        id_: str | None = None,
        namespace: str | None = None,
        *,
        selector: Selector = EVERYTHING,
        since: str = "",
    ) -> AsyncIterator[Event[S]]:
        """Follow a type, or one resource: current contents as `CREATED`, a `BOOKMARK`, then changes for ever.

        With `since` only the changes after that bookmark. Iterating raises `Overrun` when the watcher fell behind or
        the bookmark is no longer held; nothing is ever left out silently. A resource that stops matching is
        `DESTROYED` to this watcher.
        """
        ...
