"""A bundle that comes in pieces from the API: one at a time, in order, each piece checked before the next is taken.

Trap: the API process may die in the middle, so whoever begins anew ends what was begun before.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from controllers.lifecycle.errors import BundleError
from controllers.runtime.errors import OperationError

if TYPE_CHECKING:
    from controllers.lifecycle.bundle import Bundle

PIECE_LIMIT = 1 << 20
"""Bytes of one piece."""


class Sink(Protocol):
    """Takes the pieces. `write` and `finish` block and raise `BundleError`, after which nothing is left of it."""

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        ...

    def finish(self) -> Bundle:
        """All has come."""
        ...

    def abort(self) -> None:
        """Remove what has come."""
        ...


class Uploads:
    """The upload under way."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._upload = ""
        self._offset = 0
        self._sink: Sink | None = None

    async def begin(self, receive: Callable[[], Sink]) -> str:
        """Begin; one that was under way ends. In: `receive`, which makes an empty sink; blocking.

        Returns the upload's name. Raises `LifecycleFault`.
        """
        async with self._lock:
            await self._end()
            self._sink = await asyncio.to_thread(receive)
            self._upload, self._offset = secrets.token_hex(8), 0
            return self._upload

    async def write(self, upload: str, offset: int, data: bytes) -> None:
        """Take the next piece. Raises `BundleError` for what is wrong with the bundle, `OperationError` for a wrong call."""
        async with self._lock:
            sink = self._get(upload)
            if offset != self._offset:
                raise OperationError(
                    "aborted", f"a piece of byte {offset} came where {self._offset} belongs", "upload it again"
                )
            if len(data) > PIECE_LIMIT:
                raise OperationError("invalid_argument", f"a piece of {len(data)} bytes; at most {PIECE_LIMIT} are taken")
            try:
                await asyncio.to_thread(sink.write, data)
            except BundleError:
                await self._end()
                raise
            self._offset += len(data)

    async def finish(self, upload: str) -> Bundle:
        """Return the bundle. Raises as `write` does."""
        async with self._lock:
            sink, self._sink, self._upload = self._get(upload), None, ""
            return await asyncio.to_thread(sink.finish)

    def _get(self, upload: str) -> Sink:
        if self._sink is None or upload != self._upload:
            raise OperationError("aborted", "this upload has ended: another one has begun, or the node's brain was restarted")
        return self._sink

    async def _end(self) -> None:
        sink, self._sink, self._upload = self._sink, None, ""
        if sink is not None:
            await asyncio.to_thread(sink.abort)
