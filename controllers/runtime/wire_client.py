"""The calling end of the wire: any number of calls at a time over one connection, made again when it was lost.

A lost connection fails the calls under way with `WireError`; the next call connects anew and waits for the server to be back,
at most the connect time-out. Nothing is sent twice: only the caller knows whether a call may be repeated.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

from controllers.runtime.errors import RuntimeFault, WireError
from controllers.runtime.wire import ACK, ACK_EVERY, CANCEL, END, ERROR, ITEM, decode_error, encode_frame, read_frame

CONNECT_SECONDS = 5.0
RETRY_SECONDS = 0.05

Answer = tuple[str, Any]


class WireClient:
    """Calls methods of a `WireServer`. For one event loop."""

    def __init__(self, path: Path, *, timeout: float = CONNECT_SECONDS) -> None:
        """In: the server's socket; how many seconds connecting may take."""
        self._path = path
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._calls: dict[int, asyncio.Queue[Answer]] = {}
        self._next_id = 0

    @classmethod
    async def connect(cls, path: Path, *, timeout: float = CONNECT_SECONDS) -> Self:  # noqa: ASYNC109 - kept for reconnects
        """Return a connected client. Raises `WireError` when nobody answers in time."""
        client = cls(path, timeout=timeout)
        await client._connect()
        return client

    async def call(self, method: str, params: Any = None, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - a named limit
        """Return the one result of a method (None if it has none).

        Raises the server's error as it was raised there, `WireError` when the connection is lost or `timeout` seconds are over.
        """
        try:
            async with asyncio.timeout(timeout):
                result = None
                async for item in self.stream(method, params):
                    result = item
                return result
        except TimeoutError as error:
            raise WireError(f"{method} did not answer within {timeout:g} s") from error

    async def stream(self, method: str, params: Any = None) -> AsyncIterator[Any]:
        """Yield the results of a method; leaving the loop cancels the call. Raises as `call` does."""
        await self._connect()
        self._next_id += 1
        id_ = self._next_id
        answers = self._calls[id_] = asyncio.Queue()
        ended = False
        try:
            await self._send([id_, method, params])
            taken = 0
            while True:
                kind, value = await answers.get()
                ended = kind != ITEM
                if kind == END:
                    return
                if kind == ERROR:
                    raise value if isinstance(value, RuntimeFault) else decode_error(value)
                yield value
                taken += 1
                if taken % ACK_EVERY == 0:
                    await self._send([id_, ACK, ACK_EVERY])
        finally:
            del self._calls[id_]
            if not ended:
                self._write_if_open([id_, CANCEL, None])

    async def close(self) -> None:
        """Hang up. Calls under way raise `WireError`."""
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _connect(self) -> None:
        """Connect unless connected, trying until the time-out."""
        async with self._lock:
            if self._writer and not self._writer.is_closing():
                return
            reader, self._writer = await self._open()
            self._reading = asyncio.create_task(self._read(reader, self._writer))

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        last: OSError | None = None
        try:
            async with asyncio.timeout(self._timeout):
                while True:
                    try:
                        return await asyncio.open_unix_connection(self._path)
                    except (FileNotFoundError, ConnectionError, BlockingIOError) as error:
                        last = error
                    await asyncio.sleep(RETRY_SECONDS)
        except TimeoutError as error:
            why = last.strerror if last else "no answer"
            raise WireError(f"{self._path} could not be reached within {self._timeout:g} s: {why}") from error
        except OSError as error:
            raise WireError(f"{self._path} cannot be used: {error.strerror}") from error

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand every answer to its call, until the connection ends."""
        why = WireError("the connection was closed", "the other end may be restarting; try again")
        try:
            while (message := await read_frame(reader)) is not None:
                id_, kind, value = message
                if id_ in self._calls:
                    self._calls[id_].put_nowait((kind, value))
        except WireError as error:
            why = error
        finally:
            writer.close()
            for answers in self._calls.values():
                answers.put_nowait((ERROR, why))

    async def _send(self, message: list[Any]) -> None:
        frame = encode_frame(message)
        if self._writer is None or self._writer.is_closing():
            raise WireError("the connection was closed", "the other end may be restarting; try again")
        try:
            self._writer.write(frame)
            await self._writer.drain()
        except ConnectionError as error:
            raise WireError(f"the connection broke: {error}") from error

    def _write_if_open(self, message: list[Any]) -> None:
        if self._writer and not self._writer.is_closing():
            self._writer.write(encode_frame(message))
