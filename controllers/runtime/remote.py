"""A store over the wire: the methods that serve one, and the client that is one.

Both halves are here so that they stay in step. Resources travel as `{"metadata": …, "spec": …}`, so that a caller without the
types can still show them. With `redact` every secret is blotted out before it leaves the brain.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from controllers.runtime.errors import NotFound
from controllers.runtime.registry import find_type, types
from controllers.runtime.resource import Phase, Resource, S, Spec
from controllers.runtime.secret import redact
from controllers.runtime.store import EVERYTHING, Event, Selector, Store
from controllers.runtime.wire import Method, Peer
from controllers.runtime.wire_client import WireClient

ROOT = frozenset({0})

Key = tuple[type[Spec], str, str | None]
"""Type, id and namespace."""


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the methods take; each uses what it needs. `phase` empty is any."""

    type: str
    id: str | None = None
    namespace: str | None = None
    owner: str = ""
    finalizer: str = ""
    selector: Selector = EVERYTHING
    since: str = ""
    redact: bool = False
    phase: str = Phase.RUNNING.value
    resource: Any = None

    @property
    def key(self) -> Key:
        """What a single resource is found by. Raises `UnknownType`, `NotFound`."""
        if self.id is None:
            raise NotFound(f"{self.type}: no id given")
        return (find_type(self.type), self.id, self.namespace)

    def parse(self) -> Resource[Spec]:
        """Return the resource in it. Raises `UnknownType`, `msgspec.ValidationError`."""
        return parse_resource(find_type(self.type), self.resource)

    def shown(self, resource: Resource[Spec]) -> Resource[Spec]:
        """Return a resource as the caller may see it."""
        return Resource(resource.metadata, redact(resource.spec)) if self.redact else resource


def parse_resource(type_: type[S], value: Any) -> Resource[S]:
    """Return a resource from the builtins that travelled. Raises `msgspec.ValidationError`."""
    resource: Resource[S] = msgspec.convert(value, Resource[type_])  # type: ignore[valid-type]  # a type made at run time
    return resource


class StoreService:
    """Serves a store. Every method's params are `Params` as builtins."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def methods(self, readers: frozenset[int] = ROOT) -> list[Method]:
        """Return the table: `readers` may read, root alone may write."""
        read: list[Callable[..., Any]] = [self.get, self.list, self.watch, self.types]
        write: list[Callable[..., Any]] = [
            self.create,
            self.update,
            self.teardown,
            self.destroy,
            self.add_finalizer,
            self.remove_finalizer,
        ]
        table = [Method(f"store.{handler.__name__}", handler, readers | ROOT) for handler in read]
        return table + [Method(f"store.{handler.__name__}", handler, ROOT) for handler in write]

    async def get(self, params: Any, _: Peer) -> Resource[Spec]:
        """Return one resource."""
        asked = _parse(params)
        return asked.shown(await self._store.get(*asked.key))

    async def list(self, params: Any, _: Peer) -> AsyncIterator[Resource[Spec]]:
        """Yield resources, one item each: a kind may be larger than a frame."""
        asked = _parse(params)
        for resource in await self._store.list(find_type(asked.type), asked.namespace, asked.selector):
            yield asked.shown(resource)

    async def watch(self, params: Any, _: Peer) -> AsyncIterator[Event[Spec]]:
        """Yield events for ever."""
        asked = _parse(params)
        events = self._store.watch(find_type(asked.type), asked.id, asked.namespace, selector=asked.selector, since=asked.since)
        async for event in events:
            changes = {n: asked.shown(r) for n in ("resource", "old") if (r := getattr(event, n)) is not None}
            yield msgspec.structs.replace(event, **changes) if asked.redact else event

    async def types(self, _params: Any, _: Peer) -> AsyncIterator[dict[str, Any]]:
        """Yield every type: name, namespace, aliases, columns, sensitive."""
        for type_ in types():
            yield {
                "name": type_.__name__,
                "namespace": type_.namespace,
                "aliases": type_.aliases,
                "columns": type_.columns,
                "sensitive": type_.sensitive,
            }

    async def create(self, params: Any, _: Peer) -> Resource[Spec]:
        """Create `resource`."""
        return await self._store.create(_parse(params).parse())

    async def update(self, params: Any, _: Peer) -> Resource[Spec]:
        """Update with `resource`."""
        asked = _parse(params)
        phase = Phase(asked.phase) if asked.phase else None
        return await self._store.update(asked.parse(), owner=asked.owner, phase=phase)

    async def teardown(self, params: Any, _: Peer) -> bool:
        """Start tearing down."""
        asked = _parse(params)
        return await self._store.teardown(*asked.key, owner=asked.owner)

    async def destroy(self, params: Any, _: Peer) -> None:
        """Destroy."""
        asked = _parse(params)
        await self._store.destroy(*asked.key, owner=asked.owner)

    async def add_finalizer(self, params: Any, _: Peer) -> None:
        """Add `finalizer`."""
        asked = _parse(params)
        type_, id_, namespace = asked.key
        await self._store.add_finalizer(type_, id_, asked.finalizer, namespace)

    async def remove_finalizer(self, params: Any, _: Peer) -> None:
        """Remove `finalizer`."""
        asked = _parse(params)
        type_, id_, namespace = asked.key
        await self._store.remove_finalizer(type_, id_, asked.finalizer, namespace)


def _parse(params: Any) -> Params:
    return msgspec.convert(params, Params)


class RemoteStore:
    """Keeps `controllers.runtime.store.Store` over a `WireClient`; raises `WireError` too."""

    def __init__(self, client: WireClient) -> None:
        self._client = client

    async def get(self, type_: type[S], id_: str, namespace: str | None = None) -> Resource[S]:
        """See `Store.get`."""
        return parse_resource(type_, await self._call("get", type_, id=id_, namespace=namespace))

    async def find(self, type_: type[S], id_: str, namespace: str | None = None) -> Resource[S] | None:
        """See `Store.find`."""
        try:
            return await self.get(type_, id_, namespace)
        except NotFound:
            return None

    async def create(self, resource: Resource[S]) -> Resource[S]:
        """See `Store.create`."""
        type_ = type(resource.spec)
        return parse_resource(type_, await self._call("create", type_, resource=resource))

    async def update(self, resource: Resource[S], *, owner: str = "", phase: Phase | None = Phase.RUNNING) -> Resource[S]:
        """See `Store.update`."""
        type_ = type(resource.spec)
        return parse_resource(type_, await self._call("update", type_, resource=resource, owner=owner, phase=phase or ""))

    async def teardown(self, type_: type[S], id_: str, namespace: str | None = None, *, owner: str = "") -> bool:
        """See `Store.teardown`."""
        return bool(await self._call("teardown", type_, id=id_, namespace=namespace, owner=owner))

    async def destroy(self, type_: type[S], id_: str, namespace: str | None = None, *, owner: str = "") -> None:
        """See `Store.destroy`."""
        await self._call("destroy", type_, id=id_, namespace=namespace, owner=owner)

    async def add_finalizer(self, type_: type[S], id_: str, finalizer: str, namespace: str | None = None) -> None:
        """See `Store.add_finalizer`."""
        await self._call("add_finalizer", type_, id=id_, namespace=namespace, finalizer=finalizer)

    async def remove_finalizer(self, type_: type[S], id_: str, finalizer: str, namespace: str | None = None) -> None:
        """See `Store.remove_finalizer`."""
        await self._call("remove_finalizer", type_, id=id_, namespace=namespace, finalizer=finalizer)

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
        params = {"type": type_.__name__, "id": id_, "namespace": namespace, "selector": selector, "since": since}
        async for item in self._client.stream("store.watch", params):
            event: Event[S] = msgspec.convert(item, Event[type_])  # type: ignore[valid-type]  # made at run time
            yield event

    async def _call(self, method: str, type_: type[Spec], **params: Any) -> Any:
        return await self._client.call(f"store.{method}", {"type": type_.__name__, **params})

    # Last, because its name hides the builtin in the rest of the class.
    async def list(self, type_: type[S], namespace: str | None = None, selector: Selector = EVERYTHING) -> list[Resource[S]]:
        """See `Store.list`."""
        params = {"type": type_.__name__, "namespace": namespace, "selector": selector}
        return [parse_resource(type_, item) async for item in self._client.stream("store.list", params)]
