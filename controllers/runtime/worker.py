"""One controller at work: its wake-ups, its turns, its listener, its failures. The only place that catches everything.

Wake-ups coalesce: any number of them between two turns is one turn. After a failure the next turn waits for the backoff
whatever happens meanwhile, so that a controller that always raises costs the others nothing.
"""

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from typing import Any

import msgspec

from controllers.runtime.backoff import LIMIT_SECONDS, Backoff
from controllers.runtime.clock import Clock, within
from controllers.runtime.controller import Controller, Wanted
from controllers.runtime.errors import RuntimeFault, Waiting
from controllers.runtime.status import ControllerState, StatusBoard, change, describe
from controllers.runtime.store import Store
from controllers.runtime.turn import Turn
from controllers.runtime.view import View

log = logging.getLogger("engine")

SLOW_SECONDS = 0.25
"""A synchronous reconcile that took longer is run in a thread from then on."""


class Surroundings(msgspec.Struct, frozen=True):
    """What all workers share."""

    store: Store
    clock: Clock
    board: StatusBoard
    pool: Callable[[], Executor]
    patience: float


class Worker:
    """One controller, isolated from all others."""

    def __init__(self, controller: Controller, around: Surroundings) -> None:
        self.controller = controller
        self._around = around
        self._clock = around.clock
        self._dirty = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._alarm: asyncio.Task[None] | None = None
        self._thread: Future[list[Wanted]] | None = None
        self._in_thread = not (controller.inline or inspect.iscoroutinefunction(controller.reconcile))
        self._status = describe(controller)
        self._listener_trouble: dict[str, Any] = {}
        self._shown_error = ""
        self._delay = 0.0

    @property
    def name(self) -> str:
        """The controller's name."""
        return self.controller.name

    def wake(self) -> None:
        """Ask for a reconcile; from any thread once the engine runs, because libraries that listen like threads."""
        if self._loop is None or threading.get_ident() == self._loop_thread:
            self._dirty.set()
        else:
            self._loop.call_soon_threadsafe(self._dirty.set)

    async def publish(self) -> None:
        """Publish the status."""
        status = self._status
        if self._listener_trouble and status.state is not ControllerState.CRASHED:
            status = change(status, **self._listener_trouble)
        await self._around.board.publish(self.name, status)

    async def serve(self) -> None:
        """Take turns, for ever."""
        self._loop, self._loop_thread = asyncio.get_running_loop(), threading.get_ident()
        backoff = Backoff()
        while True:
            await self._dirty.wait()
            await asyncio.sleep(0)  # whoever is writing now gets to finish: one turn instead of several
            self._dirty.clear()
            await self._take_turn(backoff)
            if backoff.failures:
                await self._clock.sleep(self._delay)
                self.wake()

    async def _take_turn(self, backoff: Backoff) -> None:
        """Reconcile once and publish how it went."""
        started = self._clock.now()
        self._set_alarm(None)
        turn = Turn(self.controller, self._around.store, started)
        outcome: dict[str, Any] = {"state": ControllerState.RUNNING, "waits_for": ""}
        try:
            await turn.run(self._call)
            backoff.succeed()
        except Waiting as waiting:
            outcome = {"state": ControllerState.WAITING, "waits_for": waiting.what}
            backoff.succeed()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the engine isolates every controller
            _raise_if_cancelled(error)
            self._delay = backoff.fail()
            outcome = {"state": ControllerState.CRASHED, "waits_for": "", "last_error": describe_error(error)}
            self._log_failure("controller failed", error, self._delay)
        self._set_alarm(turn.wake_seconds)
        self._status = change(
            self._status,
            **outcome,
            failures=backoff.failures,
            reconciles=self._status.reconciles + 1,
            last_duration=round(self._clock.now() - started, 4),
        )
        await self.publish()

    async def _call(self, view: View) -> Iterable[Wanted]:
        """Run `reconcile` where it belongs and return all that it wants."""
        if self._in_thread:
            return await self._call_in_thread(view)
        started = self._clock.now()
        result = self.controller.reconcile(view)
        if inspect.isawaitable(result):
            return await within(self._clock, self._limit, result, "reconcile") or ()
        wanted = list(result or ())
        if self._clock.now() - started > SLOW_SECONDS:
            self._in_thread = True
            log.warning("reconcile is slow and goes to a thread", extra={"controller": self.name})
        return wanted

    async def _call_in_thread(self, view: View) -> list[Wanted]:
        """Run `reconcile` in a thread; a thread cannot be ended, so as long as it runs there is no other."""
        if self._thread and not self._thread.done():
            raise RuntimeFault("the reconcile before is still running")
        self._thread = self._around.pool().submit(self._call_sync, view)
        return await within(self._clock, self._limit, asyncio.wrap_future(self._thread), "reconcile")

    def _call_sync(self, view: View) -> list[Wanted]:
        result = self.controller.reconcile(view)
        if inspect.isawaitable(result):
            raise TypeError("reconcile returned an awaitable, but is not a coroutine function")
        return list(result or ())

    @property
    def _limit(self) -> float:
        return self.controller.timeout * self._around.patience

    async def listen(self) -> None:
        """Run the controller's `run`, again and again with backoff when it raises; return when it returns."""
        backoff = Backoff()
        while True:
            started = self._clock.now()
            try:
                await self.controller.run(self.wake)
                return
            except Waiting as waiting:
                trouble: dict[str, Any] = {"state": ControllerState.WAITING, "waits_for": waiting.what}
                delay = backoff.fail()
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - as in a turn
                _raise_if_cancelled(error)
                if self._clock.now() - started > LIMIT_SECONDS:
                    backoff.succeed()
                delay = backoff.fail()
                trouble = {"state": ControllerState.CRASHED, "waits_for": "", "last_error": describe_error(error)}
                self._log_failure("listener failed", error, delay)
            self._listener_trouble = trouble
            await self.publish()
            await self._clock.sleep(delay)
            self._listener_trouble = {}
            await self.publish()

    def _set_alarm(self, seconds: float | None) -> None:
        """Wake up after `seconds` (None: not any more)."""
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        if seconds is not None:
            self._alarm = asyncio.ensure_future(self._ring(seconds))

    async def _ring(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self.wake()

    def close(self) -> None:
        """Drop the alarm; the tasks are the engine's to cancel."""
        self._set_alarm(None)

    def _log_failure(self, what: str, error: BaseException, delay: float) -> None:
        """Log a failure; the traceback of a bug only when it is not the one shown last."""
        text = describe_error(error)
        is_bug = not isinstance(error, RuntimeFault | TimeoutError)
        trace = error if is_bug and text != self._shown_error else None
        self._shown_error = text
        fields = {"controller": self.name, "error": text, "retry_seconds": round(delay, 2)}
        log.error(what, extra=fields, exc_info=trace)


def describe_error(error: BaseException) -> str:
    """Return an error as one bounded line: the message of an expected one, with the type's name otherwise."""
    text = str(error) if isinstance(error, RuntimeFault) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:500]


def _raise_if_cancelled(error: BaseException) -> None:
    """Raise on a cancellation that is meant for this task; one that a controller let slip is just its failure."""
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        raise error
