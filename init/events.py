"""The event loop of PID 1: descriptors, timers and signals, in one thread.

Whatever a callback raises is logged and the loop goes on: PID 1 must survive everything. Signals arrive as bytes in a pipe
(signal.set_wakeup_fd), so a callback is never interrupted half way.
"""

import heapq
import os
import selectors
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from init.linux.kmsg import Log

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
Callback = Callable[[], object]
Result = TypeVar("Result")


class Timer:
    """A callback that is due once; cancel() forgets it."""

    def __init__(self, callback: Callback) -> None:
        self.callback = callback

    def cancel(self) -> None:
        """Do not call any more; harmless when it was called already."""
        self.callback = lambda: None


class EventLoop:
    """Calls back when a descriptor is ready, a time has come or a signal has arrived."""

    def __init__(self, log: Log, clock: Callable[[], float] = time.monotonic) -> None:
        self.log, self.clock, self.running = log, clock, True
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = 0  # keeps timers that are due together in the order of their making

    def watch(self, descriptor: int, events: int, callback: Callback) -> None:
        """Call back whenever `descriptor` is ready for `events`; replaces what was watched before."""
        self.forget(descriptor)
        self._selector.register(descriptor, events, callback)

    def forget(self, descriptor: int) -> None:
        """Do not watch any more; do this before closing."""
        with suppress(KeyError, ValueError):
            self._selector.unregister(descriptor)

    def later(self, seconds: float, callback: Callback) -> Timer:
        """Call back once after `seconds`."""
        self._count += 1
        timer = Timer(callback)
        heapq.heappush(self._timers, (self.clock() + seconds, self._count, timer))
        return timer

    def watch_signals(self, callback: Callable[[int], None]) -> None:
        """Call back with the number of each signal in SIGNALS."""
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

        def read() -> None:
            for number in set(os.read(reader, 4096)):
                callback(number)

        self.watch(reader, READ, read)

    def run(self) -> None:
        """Turn until `running` is false."""
        while self.running:
            self.turn(3600.0)

    def turn(self, longest: float) -> None:
        """Wait for the next event or timer, at most `longest` seconds, and serve what is due."""
        wait = min(longest, max(0.0, self._timers[0][0] - self.clock())) if self._timers else longest
        for key, _ in self._guard("select", lambda: self._selector.select(wait)) or []:
            if self._selector.get_map().get(key.fd) is key:  # an earlier callback of this turn may have closed it
                self._guard(f"descriptor {key.fd}", key.data)
        while self._timers and self._timers[0][0] <= self.clock():
            self._guard("timer", heapq.heappop(self._timers)[2].callback)

    def _guard(self, where: str, callback: Callable[[], Result]) -> Result | None:
        try:
            return callback()
        except Exception as error:  # the one place that keeps PID 1 alive
            self.log.exception(where, error)
            return None
