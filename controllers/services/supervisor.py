"""Client of PID 1's control socket: the wanted table goes there, states and output come back.

One connection per request; `watch` and `logs` hold theirs until the caller stops. The protocol is in
docs/architecture.md, "Control socket": `AF_UNIX SOCK_SEQPACKET` (unix(7)), one JSON object per packet.
Trap: asyncio has no transport for SOCK_SEQPACKET, so the socket is driven through the loop's `sock_*` calls.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from controllers.services.errors import ControlError

T = TypeVar("T")

MAX_PACKET = 1 << 20
"""Bytes that one answer may have; PID 1 sends whole states in one packet."""


class ServiceState(msgspec.Struct, frozen=True, kw_only=True):
    """How PID 1 says a service goes. `since` in monotonic seconds, `exit` the text of the last exit."""

    id: str
    state: str
    pid: int = 0
    restarts: int = 0
    since: float = 0.0
    exit: str = ""
    spec_hash: str = ""


class ShutdownBegun(msgspec.Struct, frozen=True, kw_only=True):
    """PID 1 takes the machine down, whoever asked: the API, the power button or a signal. `action`: `reboot` or `poweroff`;
    `step`: what it does now, for at most `limit` seconds.
    """

    action: str
    step: str = ""
    limit: float = 0.0


class Supervisor:
    """PID 1, as the brain sees it. `timeout` in seconds limits every request, not how long a stream lasts."""

    def __init__(self, path: Path, timeout: float = 10.0) -> None:
        self._path = path
        self._timeout = timeout

    async def apply(self, services: Iterable[dict[str, Any]], keep: Iterable[str] = ()) -> list[str]:
        """Send the whole wanted table; running services of `keep` stay as they are. Returns the ids that changed.

        Raises `ControlError`.
        """
        answer = await self._request({"op": "apply", "services": list(services), "keep": sorted(keep)})
        return [str(one) for one in answer.get("changed", ())]

    async def list(self) -> list[ServiceState]:
        """Return the state of every service that PID 1 knows. Raises `ControlError`."""
        return _states(await self._request({"op": "list"}))

    async def restart(self, id: str) -> None:
        """Stop and start one service. Raises `ControlError`."""
        await self._request({"op": "restart", "id": id})

    async def power(
        self, action: str, last: Sequence[str] = (), limit: float = 0.0, *, argument: str = "", force: bool = False
    ) -> None:
        """Begin the orderly shutdown: `reboot` or `poweroff`. Raises `ControlError`.

        In: `last`, the argv of a program that runs when nothing else does, for at most `limit` seconds, patience included;
        `argument`: what the reboot tells firmware; `force`: at once, also in the middle of an orderly one, and without both.
        """
        request: dict[str, Any] = {"op": "power", "action": action}
        if argument:
            request["argument"] = argument
        if last:
            request["last"] = {"argv": list(last), "limit": limit}
        if force:
            request["force"] = True
        await self._request(request)

    async def watch(self) -> AsyncIterator[ServiceState | ShutdownBegun]:
        """Yield the state of every service, then each change and the begin of a shutdown, until PID 1 closes.

        Raises `ControlError`.
        """
        async with self._connection() as sock:
            for state in _states(await self._exchange(sock, {"op": "watch"})):
                yield state
            while packet := await self._receive(sock, None):
                news = _decode(packet)
                if news.get("event") == "shutdown":
                    yield _convert(news, ShutdownBegun)
                else:
                    yield _convert(news.get("service"), ServiceState)

    async def logs(self, id: str, follow: bool = False, tail_bytes: int = 0) -> AsyncIterator[bytes]:
        """Yield a service's output, at most the last `tail_bytes` (0 = all that is kept), then what it writes while
        `follow`. Raises `ControlError`.
        """
        async with self._connection() as sock:
            await self._exchange(sock, {"op": "logs", "id": id, "follow": follow, "tail_bytes": tail_bytes})
            while chunk := await self._receive(sock, None):
                yield chunk

    async def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        async with self._connection() as sock:
            return await self._exchange(sock, request)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[socket.socket]:
        """Connect, within the time-out, and close afterwards."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.setblocking(False)
            try:
                async with asyncio.timeout(self._timeout):
                    await asyncio.get_running_loop().sock_connect(sock, str(self._path))
            except (OSError, TimeoutError) as error:
                raise ControlError(f"no connection to PID 1 at {self._path}: {error or 'timed out'}") from error
            yield sock

    async def _exchange(self, sock: socket.socket, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request and return its answer. Raises `ControlError` with PID 1's words when it refuses."""
        op = request["op"]
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.get_running_loop().sock_sendall(sock, json.dumps(request).encode())
        except (OSError, TimeoutError) as error:
            raise ControlError(f"PID 1 did not take {op}: {error or 'timed out'}") from error
        packet = await self._receive(sock, self._timeout)
        if not packet:
            raise ControlError(f"PID 1 closed the connection instead of answering {op}")
        answer = _decode(packet)
        if not answer.get("ok"):
            raise ControlError(f"PID 1 refused {op}: {answer.get('error', 'no reason given')}", str(answer.get("hint", "")))
        return answer

    async def _receive(self, sock: socket.socket, seconds: float | None) -> bytes:
        """Return the next packet, empty at the end. Raises `ControlError`."""
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().sock_recv(sock, MAX_PACKET)
        except TimeoutError as error:
            raise ControlError(f"PID 1 was silent for {seconds} s") from error
        except OSError as error:
            raise ControlError(f"the connection to PID 1 broke: {error}") from error


def _decode(packet: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(packet)
    except ValueError as error:
        raise ControlError(f"PID 1 sent no JSON: {packet[:80]!r}") from error
    if not isinstance(answer, dict):
        raise ControlError(f"PID 1 sent no object: {packet[:80]!r}")
    return answer


def _states(answer: dict[str, Any]) -> list[ServiceState]:
    return _convert(answer.get("services"), list[ServiceState])


def _convert(value: Any, type_: type[T]) -> T:
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        raise ControlError(f"PID 1 sent something else than a service's state: {error}") from error
