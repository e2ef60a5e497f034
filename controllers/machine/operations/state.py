"""`state.*`: every resource, read-only, as metadata and JSON.

Without `reveal` a sensitive type is refused and secrets in all others are redacted: by type, so a new type is safe from
the day it is declared.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import msgspec

from controllers.machine.operations.table import Request, method
from controllers.runtime import registry, secret
from controllers.runtime.errors import OperationError
from controllers.runtime.store import Selector

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.resource import Resource, Spec
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method


class DefinitionsRequest(Request, frozen=True, kw_only=True):
    """`type`: a name or alias; empty is all."""

    type: str = ""


class GetRequest(Request, frozen=True, kw_only=True):
    """`namespace` empty: the type's own. `reveal`: the caller may see secrets."""

    type: str
    id: str
    namespace: str = ""
    reveal: bool = False


class SelectRequest(Request, frozen=True, kw_only=True):
    """Like `GetRequest`, for all resources whose id matches a pattern (empty is all) and that have the labels."""

    type: str
    id: str = ""
    namespace: str = ""
    labels: dict[str, str] = {}
    reveal: bool = False

    @property
    def selector(self) -> Selector:
        """What the store selects by."""
        return Selector(id=self.id, labels=dict(self.labels))


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table."""

    async def definitions(request: DefinitionsRequest) -> list[dict[str, Any]]:
        types = [registry.find_type(request.type)] if request.type else registry.types()
        return [render_definition(type_) for type_ in types]

    async def get(request: GetRequest) -> dict[str, Any]:
        type_ = check_type(request.type, request.reveal)
        return render_resource(await store.get(type_, request.id, request.namespace or None), request.reveal)

    async def list_(request: SelectRequest) -> list[dict[str, Any]]:
        type_ = check_type(request.type, request.reveal)
        found = await store.list(type_, request.namespace or None, request.selector)
        return [render_resource(resource, request.reveal) for resource in found]

    async def watch(request: SelectRequest) -> AsyncIterator[dict[str, Any]]:
        type_ = check_type(request.type, request.reveal)
        async for event in store.watch(type_, None, request.namespace or None, selector=request.selector):
            resource = render_resource(event.resource, request.reveal) if event.resource is not None else None
            yield {"change": event.change.value, "resource": resource}

    return [
        method("state.definitions", DefinitionsRequest, definitions),
        method("state.get", GetRequest, get),
        method("state.list", SelectRequest, list_),
        method("state.watch", SelectRequest, watch),
    ]


def check_type(name: str, reveal: bool) -> type[Spec]:
    """Return the type that is meant. Raises `UnknownType`, or `OperationError` if it is sensitive and not revealed."""
    type_ = registry.find_type(name)
    if type_.sensitive and not reveal:
        raise OperationError("permission_denied", f"{type_.__name__} holds secrets; reading it needs the role os:admin")
    return type_


def render_definition(type_: type[Spec]) -> dict[str, Any]:
    """Describe a type for tables and help."""
    return {
        "type": type_.__name__,
        "namespace": type_.namespace,
        "aliases": list(type_.aliases),
        "columns": [list(column) for column in type_.columns],
        "sensitive": type_.sensitive,
        "description": inspect.cleandoc(type_.__doc__ or ""),
    }


def render_resource(resource: Resource[Any], reveal: bool) -> dict[str, Any]:
    """Return metadata as builtins and the spec as JSON, secrets redacted unless revealed."""
    spec = resource.spec if reveal else secret.redact(resource.spec)
    return {"metadata": msgspec.to_builtins(resource.metadata), "spec": msgspec.json.encode(spec).decode()}
