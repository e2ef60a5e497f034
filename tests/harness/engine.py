"""A store, an engine and a fake clock together: for tests of several controllers at work.

async with World(AController(), BController()) as world:
    await world.put("a", ASpec())
    assert await world.ids(BSpec) == ["a"]
"""

from typing import Any, Self

from controllers.runtime.controller import Controller
from controllers.runtime.engine import Engine
from controllers.runtime.memory import MemoryStore
from controllers.runtime.resource import Resource, S, Spec, new, replace
from controllers.runtime.status import ControllerStatus
from tests.harness.clock import FakeClock, settle


class World:
    """Everything that a controller lives in. Every method returns when all controllers wait for something."""

    def __init__(self, *controllers: Controller, patience: float = 1.0, history: int = 1024) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock, history=history)
        self.engine = Engine(self.store, self.clock, patience=patience)
        self.engine.register(controllers)

    async def __aenter__(self) -> Self:
        await self.engine.start()
        await settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.close(1.0)

    async def put(self, id_: str, spec: Spec, *, owner: str = "", **metadata: Any) -> None:
        """Create a resource, or give it another content."""
        there = await self.store.find(type(spec), id_, metadata.get("namespace"))
        if there is None:
            await self.store.create(new(id_, spec, owner=owner, **metadata))
        else:
            await self.store.update(replace(there, spec), owner=owner)
        await settle()

    async def remove(self, type_: type[Spec], id_: str, *, owner: str = "") -> bool:
        """Tear a resource down, let the controllers react, and destroy it; return whether it could be."""
        await self.store.teardown(type_, id_, owner=owner)
        await settle()
        if ready := await self.store.teardown(type_, id_, owner=owner):
            await self.store.destroy(type_, id_, owner=owner)
            await settle()
        return ready

    async def ids(self, type_: type[Spec], namespace: str | None = None) -> list[str]:
        """Return the ids of a type."""
        return [resource.id for resource in await self.store.list(type_, namespace)]

    async def get(self, type_: type[S], id_: str) -> Resource[S]:
        """Return one resource."""
        return await self.store.get(type_, id_)

    async def status(self, name: str) -> ControllerStatus:
        """Return how a controller is doing."""
        return (await self.store.get(ControllerStatus, name)).spec
