"""The brain's operations, called as the wire calls them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from controllers.machine.operations import methods
from controllers.ports import Paths, Ports
from controllers.runtime.memory import MemoryStore
from controllers.runtime.wire import Peer
from tests.harness.clock import FakeClock

PEER = Peer(pid=4, uid=50, gid=50)


class Table:
    """A store and the operations over it."""

    def __init__(self, root: Path) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.ports = Ports(clock=self.clock, paths=Paths(root))
        self.methods = {method.name: method for method in methods(self.store, self.ports)}

    async def call(self, name: str, **params: Any) -> Any:
        """Return what an operation answers."""
        answer = self.methods[name].handler(params or None, PEER)
        assert isinstance(answer, Awaitable)
        return await answer

    def stream(self, name: str, **params: Any) -> AsyncIterator[Any]:
        """Return the stream that an operation answers."""
        answer = self.methods[name].handler(params or None, PEER)
        assert isinstance(answer, AsyncIterator)
        return answer


Take = Callable[[AsyncIterator[Any], int], Awaitable[list[Any]]]


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """Operations over an empty store."""
    return Table(tmp_path)


@pytest.fixture
def take() -> Take:
    """Takes the first items of a stream, and ends it."""

    async def take(stream: AsyncIterator[Any], count: int) -> list[Any]:
        taken: list[Any] = []
        async with aclosing(stream) as items:  # type: ignore[type-var]  # an async generator, typed as an iterator
            async for item in items:
                taken.append(item)
                if len(taken) == count:
                    break
        return taken

    return take
