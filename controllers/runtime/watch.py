"""Watching: a ring of the last events of one kind, and readers that each keep their own place in it.

A change costs one append, however many watch; a reader that sleeps costs nothing. The trap is the slow reader: once its
place has been overwritten it gets `Overrun`, so that it knows that it must list again.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from controllers.runtime.errors import Overrun
from controllers.runtime.resource import Resource
from controllers.runtime.store import Change, Event, Selector

AnyEvent = Event[Any]


class EventLog:
    """The last `capacity` events of one kind. A bookmark is `EPOCH:NUMBER`; the epoch is the store's life."""

    def __init__(self, epoch: str, capacity: int) -> None:
        self._epoch = epoch
        self._events: deque[AnyEvent] = deque(maxlen=capacity)
        self._changed = asyncio.Event()
        self.end = 0
        """The number of the next event."""

    def append(self, change: Change, resource: Resource[Any], old: Resource[Any] | None = None) -> None:
        """Add an event and wake the readers."""
        self.end += 1
        self._events.append(Event(change=change, bookmark=self.bookmark(self.end), resource=resource, old=old))
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def bookmark(self, place: int) -> str:
        """Return the text that stands for a place."""
        return f"{self._epoch}:{place}"

    def find_place(self, bookmark: str) -> int:
        """Return the place of a bookmark. Raises `Overrun` if it is of another life of the store, or too old."""
        epoch, _, number = bookmark.rpartition(":")
        if epoch != self._epoch or not number.isdecimal() or not self._start <= int(number[:20]) <= self.end:
            raise Overrun("the bookmark is no longer held", "watch again without it")
        return int(number)

    async def follow(self, place: int) -> AsyncIterator[AnyEvent]:
        """Yield every event from `place` on, for ever. Raises `Overrun` when events were lost to this reader."""
        while True:
            if place < self._start:
                raise Overrun(f"{self._start - place} events were missed", "watch again from the current contents")
            if place < self.end:
                event = self._events[place - self._start]
                place += 1
                yield event
            else:
                await self._changed.wait()

    @property
    def _start(self) -> int:
        """The number of the oldest event that is held."""
        return self.end - len(self._events)


def select(event: AnyEvent, id_: str | None, selector: Selector) -> AnyEvent | None:
    """Return the event as a watcher of some resources sees it, or None: what stops matching is destroyed to it."""
    is_in = _wants(event.resource, id_, selector)
    if event.change is not Change.UPDATED:
        return event if is_in else None
    was_in = _wants(event.old, id_, selector)
    match was_in, is_in:
        case True, True:
            return event
        case False, True:
            return Event(change=Change.CREATED, bookmark=event.bookmark, resource=event.resource)
        case True, False:
            return Event(change=Change.DESTROYED, bookmark=event.bookmark, resource=event.resource)
        case _:
            return None


def _wants(resource: Resource[Any] | None, id_: str | None, selector: Selector) -> bool:
    return resource is not None and id_ in (None, resource.id) and selector.matches(resource.metadata)
