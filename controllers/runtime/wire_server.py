"""The serving end of the wire: a table of methods on a unix socket, each call a task of its own.

Every limit is here: frames, connections, calls per connection, items under way per call. The kernel says who calls
(SO_PEERCRED), and the table says whether that user may.
"""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from controllers.runtime.errors import OperationError, RuntimeFault, Waiting, WireError
from controllers.runtime.wire import (
    ACK,
    CANCEL,
    END,
    ERROR,
    ITEM,
    WINDOW,
    Method,
    Peer,
    encode_error,
    encode_frame,
    read_frame,
)

log = logging.getLogger("wire")

MAX_CONNECTIONS = 64
MAX_CALLS = 256
"""Calls of one connection at a time."""

_UCRED = struct.Struct("3i")


class WireServer:
    """Serves a table of methods. `mode` and `gid` are the socket's; None leaves the group alone."""

    def __init__(self, path: Path, methods: Iterable[Method], *, mode: int = 0o600, gid: int | None = None) -> None:
        self._path = path
        self._methods = {method.name: method for method in methods}
        self._mode = mode
        self._gid = gid
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; a socket left by an earlier life is replaced. Raises `OSError`."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.unlink(missing_ok=True)
        listener.bind(str(fresh))
        fresh.chmod(self._mode)
        if self._gid is not None:
            os.chown(fresh, -1, self._gid)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener)
        fresh.rename(self._path)  # whoever sees the socket may connect, and is answered

    async def close(self) -> None:
        """Stop listening and end every call."""
        if self._server:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await asyncio.sleep(0)  # the transports go with the next round of the loop
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if len(self._connections) > MAX_CONNECTIONS:
                log.warning("too many connections", extra={"limit": MAX_CONNECTIONS})
                return
            await _Connection(self._methods, reader, writer).run()
        except asyncio.CancelledError:
            return  # by `close`; asyncio would log a cancelled connection as an error
        except WireError as error:
            log.warning("connection closed", extra={"error": str(error)})
        finally:
            self._connections.discard(task)
            writer.transport.abort()  # all calls have ended; a peer that does not read must not keep it open


class _Call:
    """A call under way: its task, and how many items it may still send."""

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self._credit = WINDOW
        self._more = asyncio.Event()

    def allow(self, items: int) -> None:
        """Let it send more."""
        self._credit = min(self._credit + items, WINDOW)
        self._more.set()

    async def take(self) -> None:
        """Wait until one more item may be sent."""
        while self._credit == 0:
            self._more.clear()
            await self._more.wait()
        self._credit -= 1


class _Connection:
    """One caller and its calls."""

    def __init__(self, methods: dict[str, Method], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._methods = methods
        self._reader = reader
        self._writer = writer
        self._peer = get_peer(writer.get_extra_info("socket"))
        self._calls: dict[int, _Call] = {}
        self._sending = asyncio.Lock()

    async def run(self) -> None:
        """Serve until the caller hangs up. Raises `WireError` when it does not keep to the protocol."""
        try:
            while (message := await read_frame(self._reader)) is not None:
                self._take(*message)
        finally:
            tasks = [call.task for call in self._calls.values() if call.task]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _take(self, id_: int, method: str, params: Any) -> None:
        """Act on one message."""
        call = self._calls.get(id_)
        if method == CANCEL:
            if call and call.task:
                call.task.cancel()
        elif method == ACK:
            if call and type(params) is int and params > 0:
                call.allow(params)
        elif call:
            raise WireError(f"call {id_} is under way already")
        else:
            self._calls[id_] = call = _Call()
            call.task = asyncio.create_task(self._run_call(id_, method, params, call))

    async def _run_call(self, id_: int, method: str, params: Any, call: _Call) -> None:
        """Run one call and send what it gives."""
        try:
            result = self._find(method).handler(params, self._peer)
            if isinstance(result, AsyncIterator):
                await self._send_all(id_, result, call)
            else:
                await self._send([id_, ITEM, await result])
            await self._send([id_, END, None])
        except asyncio.CancelledError:
            raise
        except ConnectionError:
            return  # nobody is left to tell
        except Exception as error:  # noqa: BLE001 - a handler's failure is its caller's, and nobody else's
            await self._fail(id_, method, error)
        finally:
            self._calls.pop(id_, None)

    async def _send_all(self, id_: int, items: AsyncIterator[Any], call: _Call) -> None:
        """Send every item, no faster than the caller takes them; end a generator at once when the caller leaves."""
        try:
            async for item in items:
                await call.take()
                await self._send([id_, ITEM, item])
        finally:
            if isinstance(items, AsyncGenerator):
                await items.aclose()

    async def _fail(self, id_: int, method: str, error: Exception) -> None:
        sent = encode_error(error)
        if sent.get("code") == "internal" and not isinstance(error, RuntimeFault | Waiting):
            log.error("method failed", extra={"method": method}, exc_info=error)
        try:
            await self._send([id_, ERROR, sent])
        except ConnectionError:
            return

    def _find(self, name: str) -> Method:
        """Return the method to call. Raises `OperationError`."""
        if len(self._calls) > MAX_CALLS:
            raise OperationError("resource_exhausted", f"more than {MAX_CALLS} calls at a time", "end some first")
        found = self._methods.get(name)
        if found is None:
            raise OperationError("unimplemented", f"there is no method {name[:64]!r}")
        if self._peer.uid not in found.uids:
            raise OperationError("permission_denied", f"user {self._peer.uid} may not call {name}")
        return found

    async def _send(self, message: list[Any]) -> None:
        frame = encode_frame(message)
        async with self._sending:  # one frame at a time waits in memory for a peer that does not read
            self._writer.write(frame)
            await self._writer.drain()


def get_peer(connection: socket.socket) -> Peer:
    """Return who is at the other end of a connected unix socket (unix(7), SO_PEERCRED)."""
    return Peer(*_UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)))
