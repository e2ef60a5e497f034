"""One turn of a controller: look, reconcile, carry out the difference, let go.

    look       list the inputs; put the finalizer on strong ones; hide those that are tearing down
    reconcile  inline, as a coroutine with a limit, or in a thread
    carry out  every step of the plan, even if one of them fails
    let go     once all that the controller tore down is gone: finalizers off hidden inputs, destroy the destroy-ready

Whatever raises leaves the rest for the next turn; nothing here remembers anything between turns.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from controllers.runtime.controller import Controller, Input, InputKind, Wanted, make_view
from controllers.runtime.diff import Action, Step, plan
from controllers.runtime.errors import AlreadyExists, NotFound, OwnerConflict, PhaseConflict, StoreError
from controllers.runtime.resource import Resource
from controllers.runtime.store import Store
from controllers.runtime.view import View

AnyResource = Resource[Any]
Call = Callable[[View], Awaitable[Iterable[Wanted]]]


class Turn:
    """One reconcile from beginning to end. `wake_seconds` is what the controller asked for, also when it raised."""

    def __init__(self, controller: Controller, store: Store, now: float) -> None:
        self._controller = controller
        self._store = store
        self._now = now
        self._hidden: list[AnyResource] = []
        self._ready: list[AnyResource] = []
        self.wake_seconds: float | None = None

    async def run(self, call: Call) -> None:
        """Do it. Raises what `reconcile` raises, and `StoreError` when a step was refused."""
        view = make_view(self._controller, await self._look(), await self._own(), self._now)
        try:
            wanted = await call(view)
        finally:
            self.wake_seconds = view.wake_seconds
        await self._carry_out(plan(self._controller, wanted, await self._own()))
        await self._let_go()

    async def _look(self) -> list[AnyResource]:
        """Return what the inputs hold, and take hold of the strong ones."""
        seen: list[AnyResource] = []
        for declared in self._controller.inputs:
            for resource in await self._list(declared):
                if declared.kind is not InputKind.STRONG or await self._hold(resource):
                    seen.append(resource)
                if declared.kind is InputKind.DESTROY_READY and declared.shows(resource):
                    self._ready.append(resource)
        return seen

    async def _list(self, declared: Input) -> list[AnyResource]:
        if declared.id is None:
            return list(await self._store.list(declared.type, declared.namespace))
        found = await self._store.find(declared.type, declared.id, declared.namespace)
        return [] if found is None else [found]

    async def _hold(self, resource: AnyResource) -> bool:
        """Put the finalizer on a strong input; return whether the controller may see it."""
        name, metadata = self._controller.name, resource.metadata
        if resource.tearing_down:
            if name in metadata.finalizers:
                self._hidden.append(resource)
            return False
        if name in metadata.finalizers:
            return True
        try:
            await self._store.add_finalizer(type(resource.spec), metadata.id, name, metadata.namespace)
        except (NotFound, PhaseConflict):
            return False
        return True

    async def _own(self) -> list[AnyResource]:
        """Return what the controller made, with what it is tearing down."""
        own: list[AnyResource] = []
        for out in self._controller.outputs:
            listed: list[AnyResource] = list(await self._store.list(out.type, out.namespace))
            own += [resource for resource in listed if resource.metadata.owner == self._controller.name]
        return own

    async def _carry_out(self, steps: Iterable[Step]) -> None:
        """Do every step; raise the first refusal at the end."""
        refused: list[StoreError] = []
        for step in steps:
            try:
                await self._do(step)
            except StoreError as error:
                refused.append(error)
        if refused:
            raise refused[0]

    async def _do(self, step: Step) -> None:
        match step.action:
            case Action.CREATE:
                await self._create(step.resource)
            case Action.UPDATE:
                await self._store.update(step.resource, owner=self._controller.name)
            case Action.RECREATE:
                await self._destroy(step.resource)
                await self._create(step.resource)
            case Action.TEARDOWN:
                where = (type(step.resource.spec), step.resource.id, step.resource.metadata.namespace)
                if await self._store.teardown(*where, owner=self._controller.name):
                    await self._destroy(step.resource)
            case Action.DESTROY:
                await self._destroy(step.resource)

    async def _create(self, resource: AnyResource) -> None:
        try:
            await self._store.create(resource)
        except AlreadyExists as error:
            raise OwnerConflict(f"{self._controller.name} cannot make {resource.metadata}: {error.hint}") from error

    async def _destroy(self, resource: AnyResource) -> None:
        where = (type(resource.spec), resource.id, resource.metadata.namespace)
        await self._store.destroy(*where, owner=resource.metadata.owner)

    async def _let_go(self) -> None:
        """End what this successful turn allows to end."""
        for resource in self._ready:
            await self._destroy(resource)
        if not self._hidden or any(resource.tearing_down for resource in await self._own()):
            return
        for resource in self._hidden:
            where = (type(resource.spec), resource.id, self._controller.name, resource.metadata.namespace)
            await self._store.remove_finalizer(*where)
