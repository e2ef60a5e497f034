"""How every controller is doing, as resources: what it reads and makes, and what it waits for.

The engine owns them. Trap: a controller may read them and is described by them itself, so counters must never wake
anybody: they are `quiet_fields`, and travel with the next real change or, at most every ten seconds, by themselves.
"""

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from controllers.runtime.clock import Clock
from controllers.runtime.controller import Controller
from controllers.runtime.resource import Part, Spec, new, replace
from controllers.runtime.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from controllers.runtime.controller import Input, Output

NAMESPACE = "runtime"
OWNER = "engine"
FLUSH_SECONDS = 10.0


class ControllerState(StrEnum):
    """`WAITING`: something has to happen first. `CRASHED`: it raised, and will be tried again."""

    RUNNING = "running"
    WAITING = "waiting"
    CRASHED = "crashed"


class Edge(Part, frozen=True, kw_only=True):
    """One declared input or output; `id` is empty for all, `kind` as in `InputKind` and `OutputKind`."""

    namespace: str
    type: str
    id: str = ""
    kind: str = ""


class ControllerStatus(Spec, frozen=True, kw_only=True):
    """One controller; the id is its name. `last_duration` in seconds; `failures` since the last success."""

    namespace = NAMESPACE
    aliases = ("controller",)
    columns = (("STATE", "state"), ("WAITS FOR", "waits_for"), ("FAILURES", "failures"), ("LAST ERROR", "last_error"))
    quiet_fields = frozenset({"reconciles", "failures", "last_duration"})

    state: ControllerState = ControllerState.RUNNING
    waits_for: str = ""
    failures: int = 0
    reconciles: int = 0
    last_error: str = ""
    last_duration: float = 0.0
    inputs: tuple[Edge, ...] = ()
    outputs: tuple[Edge, ...] = ()

    def is_like(self, other: "ControllerStatus") -> bool:
        """Return whether the two differ in counters only."""
        names = (name for name in self.__struct_fields__ if name not in self.quiet_fields)
        return all(getattr(self, name) == getattr(other, name) for name in names)


def describe(controller: Controller) -> ControllerStatus:
    """Return the status of a controller that has not run yet."""
    return ControllerStatus(inputs=_edges(controller.inputs), outputs=_edges(controller.outputs))


def _edges(declared: "Iterable[Input | Output]") -> tuple[Edge, ...]:
    return tuple(
        Edge(namespace=one.namespace, type=one.type.__name__, id=getattr(one, "id", None) or "", kind=one.kind.value)
        for one in declared
    )


class StatusBoard:
    """Writes statuses to the store: real changes at once, counters when `flush` comes round."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._written: dict[str, ControllerStatus] = {}
        self._pending: dict[str, ControllerStatus] = {}
        self._stale = asyncio.Event()

    async def publish(self, name: str, status: ControllerStatus) -> None:
        """Take note of a status, and write it if more than counters changed."""
        before = self._written.get(name)
        if before is None or not status.is_like(before):
            await self._write(name, status)
        elif status != before:
            self._pending[name] = status
            self._stale.set()

    async def run(self) -> None:
        """Write counters that changed, at most every ten seconds; for ever."""
        while True:
            await self._stale.wait()
            await self._clock.sleep(FLUSH_SECONDS)
            self._stale.clear()
            for name, status in list(self._pending.items()):
                await self._write(name, status)

    async def _write(self, name: str, status: ControllerStatus) -> None:
        self._pending.pop(name, None)
        self._written[name] = status
        there = await self._store.find(ControllerStatus, name)
        if there is None:
            await self._store.create(new(name, status, owner=OWNER))
        else:
            await self._store.update(replace(there, status), owner=OWNER)


def change(status: ControllerStatus, **fields: object) -> ControllerStatus:
    """Return a status with some fields replaced."""
    return msgspec.structs.replace(status, **fields)
