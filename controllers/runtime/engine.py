"""The engine: runs controllers until told to stop, and wakes each when something that it declared has changed.

One task per controller, one watch per kind. It knows what controllers want and what the store holds, and nothing else.
Trap: the watches are in place before the first reconcile, else a change in between would be lost.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from concurrent.futures import Executor
from typing import Any

from controllers.runtime.backoff import Backoff
from controllers.runtime.clock import Clock, SystemClock
from controllers.runtime.controller import Controller
from controllers.runtime.errors import GraphError, Overrun, StoreError
from controllers.runtime.graph import check_names, check_owners
from controllers.runtime.resource import Spec
from controllers.runtime.status import StatusBoard
from controllers.runtime.store import Change, Store
from controllers.runtime.wake import Route, make_routes
from controllers.runtime.worker import Surroundings, Worker

log = logging.getLogger("engine")

CLOSE_SECONDS = 5.0

Kind = tuple[str, type[Spec]]


class Engine:
    """Runs controllers on a store. `patience` stretches the limit of every asynchronous reconcile."""

    def __init__(self, store: Store, clock: Clock | None = None, *, patience: float = 1.0) -> None:
        self._store = store
        self._clock = clock or SystemClock()
        self._patience = patience
        self._workers: list[Worker] = []
        self._routes: dict[Kind, list[tuple[Route, Worker]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._executor: Executor | None = None
        self.failed = asyncio.Event()
        """Set when the engine itself is broken; whoever runs it should end and begin anew."""
        self._board = StatusBoard(store, self._clock)
        self._around = Surroundings(store, self._clock, self._board, self._pool, patience)

    @property
    def controllers(self) -> list[Controller]:
        """All registered controllers."""
        return [worker.controller for worker in self._workers]

    def register(self, controllers: Iterable[Controller]) -> None:
        """Add controllers, before `start`. Raises `GraphError` that names every name used twice and every output
        claimed twice.
        """
        added = list(controllers)
        if problems := check_names([*self.controllers, *added]) + check_owners([*self.controllers, *added]):
            raise GraphError("; ".join(problems))
        for controller in added:
            worker = Worker(controller, self._around)
            self._workers.append(worker)
            for kind, route in make_routes(controller).items():
                self._routes.setdefault(kind, []).append((route, worker))

    async def start(self) -> None:
        """Start everything; return when every watch is in place and every controller has been woken."""
        for worker in self._workers:
            await worker.publish()
        self._spawn(self._board.run(), "statuses")
        watches = [asyncio.Event() for _ in self._routes]
        for (namespace, type_), there in zip(self._routes, watches, strict=True):
            self._spawn(self._dispatch((namespace, type_), there), f"watch {namespace}/{type_.__name__}")
        for there in watches:
            await there.wait()
        for worker in self._workers:
            worker.wake()
            self._spawn(worker.serve(), worker.name)
            if type(worker.controller).run is not Controller.run:
                self._spawn(worker.listen(), f"{worker.name} listener")

    async def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Stop all controllers, then let each release what it holds; at most `seconds` for either, by the real
        clock.
        """
        for worker in self._workers:
            worker.close()
        for task in self._tasks:
            task.cancel()
        await self._finish(self._tasks, seconds)
        self._tasks = []
        closing = [asyncio.create_task(worker.controller.close(), name=f"{worker.name} close") for worker in self._workers]
        await self._finish(closing, seconds)
        if self._executor:
            self._executor.shutdown(wait=False, cancel_futures=True)

    async def _finish(self, tasks: Iterable[asyncio.Task[None]], seconds: float) -> None:
        """Wait for tasks, at most so long, and log those that failed or did not end."""
        waiting = set(tasks)
        if not waiting:
            return
        done, late = await asyncio.wait(waiting, timeout=seconds * self._patience)
        for task in late:
            task.cancel()
            log.error("task does not end", extra={"task": task.get_name()})
        for task in done:
            if not task.cancelled() and (error := task.exception()):
                log.error("task failed while closing", extra={"task": task.get_name()}, exc_info=error)

    async def _dispatch(self, kind: Kind, there: asyncio.Event) -> None:
        """Wake controllers by the changes of one kind, for ever."""
        backoff = Backoff()
        try:
            while True:
                try:
                    await self._follow(kind, there)
                except Overrun:
                    log.warning("watch fell behind", extra={"kind": kind[1].__name__})
                except StoreError as error:
                    log.warning("watch failed", extra={"kind": kind[1].__name__, "error": str(error)})
                    await self._clock.sleep(backoff.fail())
                self._wake_all(kind)
        finally:
            there.set()  # `start` must not wait for a watch that will never be

    async def _follow(self, kind: Kind, there: asyncio.Event) -> None:
        namespace, type_ = kind
        routes = self._routes[kind]
        async for event in self._store.watch(type_, None, namespace):
            if event.change is Change.BOOKMARK:
                there.set()
                continue
            if not there.is_set():
                continue
            for route, worker in routes:
                if route.concerns(event):
                    worker.wake()

    def _wake_all(self, kind: Kind) -> None:
        for _, worker in self._routes[kind]:
            worker.wake()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._note_end)
        self._tasks.append(task)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """Say so when a task of the engine itself has failed: controllers never get this far, so it is a bug here."""
        if not task.cancelled() and (error := task.exception()):
            log.critical("engine failed", extra={"task": task.get_name()}, exc_info=error)
            self.failed.set()

    def _pool(self) -> Executor:
        """Return the threads for slow reconciles: one per controller, so that none waits for another's."""
        if self._executor is None:
            from concurrent.futures import ThreadPoolExecutor  # most nodes never need it

            self._executor = ThreadPoolExecutor(len(self._workers), thread_name_prefix="reconcile")
        return self._executor
