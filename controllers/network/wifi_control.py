"""One connection to a wpa_supplicant's control socket: requests with answers, and the events between them.

Protocol (the developers' documentation of wpa_supplicant, "Control interface"): AF_UNIX SOCK_DGRAM; a packet is a command, the
answer one packet; after ATTACH events come as packets that begin with a priority in angle brackets.
Model: this end has an abstract address that the kernel chose (unix(7), "Autobind"), so that there is no file to clean up.
Trap: it is connected before it is bound, so that the kernel takes packets of wpa_supplicant only, whoever learns the address.
"""

import asyncio
import contextlib
import socket
from collections import deque
from pathlib import Path

from controllers.runtime.clock import Clock, within
from controllers.runtime.errors import RuntimeFault

MAX_PACKET = 4096  # bytes; wpa_supplicant's own limit of an answer, wpa_supplicant/ctrl_iface.c
MAX_EVENTS = 64  # kept until somebody reads them; the oldest go first
ANSWER_SECONDS = 10.0  # it may be busy with the driver


class WifiControlError(RuntimeFault):
    """wpa_supplicant is not there, silent, or refused."""


class WifiControl:
    """A connection; use it as a context manager. After a `WifiControlError` it is of no use any more."""

    def __init__(self, path: Path, clock: Clock, patience: float = 1.0) -> None:
        """Connect. Raises `WifiControlError`."""
        self._clock = clock
        self._limit = ANSWER_SECONDS * patience
        self._events: deque[str] = deque(maxlen=MAX_EVENTS)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            self._socket.connect(str(path))
            self._socket.bind("")
        except OSError as error:
            self._socket.close()
            raise WifiControlError(f"{path}: {error.strerror or error}") from error

    def __enter__(self) -> "WifiControl":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    async def request(self, command: str) -> str:
        """Return the answer to a command. Raises `WifiControlError`."""
        try:
            self._socket.send(command.encode())
            return await within(self._clock, self._limit, self._answer(), f"wpa_supplicant's answer to {command}")
        except OSError as error:  # TimeoutError is one of them
            raise WifiControlError(str(error.strerror or error)) from error

    async def attach(self) -> None:
        """Ask for events. Raises `WifiControlError`."""
        if (await self.request("ATTACH")).strip() != "OK":
            raise WifiControlError("wpa_supplicant sends no events")

    async def wait(self, seconds: float) -> None:
        """Return when there are events, at the latest after `seconds`. Raises `WifiControlError`."""
        if self._events:
            return
        try:
            await within(self._clock, seconds, self._event(), "an event")
        except TimeoutError:
            return
        except OSError as error:
            raise WifiControlError(str(error.strerror or error)) from error

    def take_events(self) -> list[str]:
        """Return the events that are there, oldest first."""
        with contextlib.suppress(OSError):  # nothing more, or gone: the next request finds out
            for _ in range(MAX_EVENTS):
                self._is_event(self._socket.recv(MAX_PACKET).decode(errors="replace"))
        found = list(self._events)
        self._events.clear()
        return found

    async def _answer(self) -> str:
        while self._is_event(text := await self._receive()):
            pass
        return text

    async def _event(self) -> None:
        while not self._is_event(await self._receive()):
            pass

    async def _receive(self) -> str:
        packet = await asyncio.get_running_loop().sock_recv(self._socket, MAX_PACKET)
        return packet.decode(errors="replace")

    def _is_event(self, text: str) -> bool:
        """Return whether a packet is an event, and keep it if so."""
        if text.startswith("<"):
            self._events.append(text)
            return True
        return False
