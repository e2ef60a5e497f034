"""`events`: what happens on the machine, in words.

Model: a few types are watched, and every change of what their tables show becomes a line: `ServiceStatus/etcd: STATE
starting → running`. Each reader has a bounded queue of its own; one that falls behind is told so and ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from controllers.machine.operations.table import Nothing, method
from controllers.resources.block import VolumeStatus
from controllers.resources.install import InstallStatus
from controllers.resources.kubernetes import EtcdStatus, ManifestStatus, NodeStatus, StaticPodStatus
from controllers.resources.lifecycle import UpgradeStatus
from controllers.resources.machine import ConfigStatus, MachineStatus, PowerRequest, ShutdownNotice
from controllers.resources.meta import EmergencyNotice, MetaStatus
from controllers.resources.network import NetworkStatus, OperatorStatus
from controllers.resources.reset import ResetStatus
from controllers.resources.services import ServiceStatus
from controllers.resources.timesync import TimeStatus
from controllers.runtime.errors import Overrun
from controllers.runtime.status import ControllerStatus
from controllers.runtime.store import Change

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.resource import Spec
    from controllers.runtime.store import Event, Store
    from controllers.runtime.wire import Method

WATCHED: tuple[type[Spec], ...] = (
    MachineStatus,
    ConfigStatus,
    NetworkStatus,
    OperatorStatus,
    TimeStatus,
    VolumeStatus,
    ServiceStatus,
    EtcdStatus,
    StaticPodStatus,
    ManifestStatus,
    NodeStatus,
    PowerRequest,
    ShutdownNotice,
    InstallStatus,
    UpgradeStatus,
    ResetStatus,
    EmergencyNotice,
    MetaStatus,
    ControllerStatus,
)
QUEUE = 1024
TEXT_LIMIT = 400  # characters


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table."""

    async def events(request: Nothing) -> AsyncIterator[dict[str, Any]]:
        async for event in merge(store, WATCHED):
            text = describe(event)
            if text:
                assert event.resource is not None
                yield {"time": ports.clock.wall(), "subject": str(event.resource.metadata), "message": text}

    return [method("events", Nothing, events)]


async def merge(store: Store, types: tuple[type[Spec], ...], *, contents: bool = False) -> AsyncIterator[Event[Any]]:
    """Yield the changes of several types from now on, with `contents` after what is there and the bookmarks.

    Raises what a watch raises, `Overrun` for a slow reader.
    """
    queue: asyncio.Queue[Event[Any] | Exception] = asyncio.Queue(QUEUE)

    async def follow(type_: type[Spec]) -> None:
        live = contents
        try:
            async for event in store.watch(type_):
                if live:
                    queue.put_nowait(event)
                live = live or event.change is Change.BOOKMARK
        except asyncio.QueueFull:
            await queue.put(Overrun("events come faster than they are read", "ask again"))
        except Overrun as error:
            await queue.put(error)

    tasks = [asyncio.create_task(follow(type_)) for type_ in types]
    try:
        while True:
            item = await queue.get()
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def describe(event: Event[Any]) -> str:
    """Return what changed of the columns that a table shows; empty when nothing of them did."""
    if event.resource is None:
        return ""
    if event.change is Change.DESTROYED:
        return "gone"
    spec, old = event.resource.spec, event.old.spec if event.old else None
    parts = []
    for title, path in type(spec).columns:
        before, after = _field(old, path) if old is not None else "", _field(spec, path)
        if before == after:
            continue
        parts.append(f"{title} {before} → {after}" if before and after else f"{title} {after or 'cleared'}")
    return "; ".join(parts)[:TEXT_LIMIT]


def _field(spec: object, path: str) -> str:
    value: Any = spec
    for name in path.split("."):
        value = getattr(value, name, None)
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(map(str, value))
        case _:
            return str(value)
