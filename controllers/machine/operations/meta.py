"""`meta.*`: read META, and change the keys that are the user's own.

A change is a resource that lives until META holds it (or the time is over), so that the answer says what is on the disk.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from controllers.machine.operations.table import Request, method
from controllers.resources.meta import MetaStatus, MetaUserRequest, MetaValue
from controllers.runtime.errors import NotFound, OperationError
from controllers.runtime.resource import new

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method

OWNER = "api"
LIMIT = 10.0  # seconds


class Get(Request, frozen=True, kw_only=True):
    """`key` empty: all of them."""

    key: str = ""


class Set(Request, frozen=True, kw_only=True):
    """`key` must be `user.NAME`."""

    key: str
    value: str


class Delete(Request, frozen=True, kw_only=True):
    """`key` must be `user.NAME`."""

    key: str


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table. One change at a time."""
    lock = asyncio.Lock()
    limit = LIMIT * ports.patience

    async def get(request: Get) -> dict[str, Any]:
        status = await find_status(store)
        values = {found.id: found.spec.value for found in await store.list(MetaValue)}
        if request.key and request.key not in values:
            hint = f"there are: {', '.join(sorted(values)) or 'none'}"
            raise OperationError("not_found", f"META has no key {request.key[:80]!r}", hint)
        wanted = {request.key: values[request.key]} if request.key else values
        return {"values": wanted, "place": status.place, "durable": status.durable}

    async def set_(request: Set) -> None:
        from controllers.machine.meta import find_user_problem

        async with lock:
            await find_status(store)
            values = {found.id: found.spec.value for found in await store.list(MetaValue)}
            problem = find_user_problem(values, request.key, request.value)
            if problem:
                raise OperationError("invalid_argument", f"META cannot hold this: {problem}", "see `ophite meta get`")
            await change(store, request.key, MetaUserRequest(value=request.value), limit)

    async def delete(request: Delete) -> None:
        async with lock:
            await find_status(store)
            if not request.key.startswith("user."):
                message = f"{request.key[:80]}: only keys that begin with user. can be deleted"
                raise OperationError("permission_denied", message, "all others are the system's own")
            if await store.find(MetaValue, request.key) is not None:
                await change(store, request.key, MetaUserRequest(delete=True), limit)

    return [method("meta.get", Get, get), method("meta.set", Set, set_), method("meta.delete", Delete, delete)]


async def find_status(store: Store) -> MetaStatus:
    """Return how META goes. Raises `OperationError` before it was read."""
    found = await store.find(MetaStatus, "meta")
    if found is None:
        raise OperationError("unavailable", "META has not been read yet", "`ophite get controllers` says what it waits for")
    return found.spec


async def change(store: Store, key: str, request: MetaUserRequest, limit: float) -> None:
    """Ask for a change and wait until META shows it, at most `limit` seconds. Raises `OperationError` otherwise."""
    await store.create(new(key, request, owner=OWNER))
    try:
        async with asyncio.timeout(limit):
            await wait_for_change(store, key, None if request.delete else request.value)
    except TimeoutError:
        status = await find_status(store)
        reason = status.error or next((line for line in status.refused if line.startswith(f"{key}:")), "nobody has answered")
        raise OperationError("unavailable", f"META was not changed within {limit:g} s: {reason}", "try again") from None
    finally:
        await _forget(store, key)


async def wait_for_change(store: Store, key: str, value: str | None) -> None:
    """Return once META holds `value` under `key`, or has no such key where it is None."""
    shown: str | None = None
    async for event in store.watch(MetaValue):
        if event.resource is not None and event.resource.id == key:
            gone = event.change == "destroyed"
            shown = None if gone else event.resource.spec.value
        if event.bookmark and shown == value:
            return


async def _forget(store: Store, key: str) -> None:
    """Take the request away, whatever became of it."""
    try:
        await store.teardown(MetaUserRequest, key, owner=OWNER)
        await store.destroy(MetaUserRequest, key, owner=OWNER)
    except NotFound:
        return
