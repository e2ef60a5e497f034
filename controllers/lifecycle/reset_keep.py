"""Writes the record of a reset: a `MetaRequest` that is made until META shows what it asks for.

Trap: META keeps the copy before the last, so a record that is taken back is first overwritten and then deleted; a copy that is
damaged later must not bring back a reset that nobody wants any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from controllers.lifecycle.reset_record import CANCELLED, KEY, ResetRecord, render_record
from controllers.ports import Ports
from controllers.resources.meta import MetaRequest, MetaStatus
from controllers.runtime.clock import within
from controllers.runtime.controller import Wanted
from controllers.runtime.errors import OperationError

META_SECONDS = 30.0
"""What a write of META may take, before patience."""


class RecordWriter:
    """The key `reset` of META, as its one owner writes it. `wake` has the controller reconcile."""

    def __init__(self, ports: Ports, wake: Callable[[], None]) -> None:
        self.ports = ports
        self._wake = wake
        self._request: MetaRequest | None = None
        self._value: str | None = None
        self._status: MetaStatus | None = None
        self._news = asyncio.Event()

    def see(self, value: str | None, status: MetaStatus | None) -> list[Wanted]:
        """Take notice of what META holds now; returns what is wanted of it."""
        self._value, self._status = value, status
        self._news.set()
        return [Wanted(KEY, self._request)] if self._request else []

    async def write(self, text: str) -> None:
        """Return once META holds the text. Raises `OperationError` with META's reason."""
        await self._change(MetaRequest(value=text), text)

    async def take_back(self, record: ResetRecord, before: str | None) -> None:
        """Return once META holds what it held before the record. Raises `OperationError`."""
        if before:
            await self.write(before)
            return
        await self.write(render_record(msgspec.structs.replace(record, stage=CANCELLED)))
        await self._change(MetaRequest(delete=True), None)

    async def _change(self, request: MetaRequest, wanted: str | None) -> None:
        self._request = request
        self._news.clear()
        self._wake()
        limit = META_SECONDS * self.ports.patience
        try:
            await within(self.ports.clock, limit, self._wait(wanted), "writing it to META")
        except TimeoutError as error:
            why = f": {self._status.error}" if self._status and self._status.error else ""
            raise OperationError("unavailable", f"{error}{why}", "see `ophite get metastatus`") from None
        finally:
            self._request = None
            self._wake()

    async def _wait(self, wanted: str | None) -> None:
        while self._value != wanted:
            await self._news.wait()
            self._news.clear()
            refused = next((line for line in self._status.refused if line.startswith(f"{KEY}:")), "") if self._status else ""
            if refused and self._value != wanted:
                raise OperationError("failed_precondition", f"META has no room: {refused}", "delete keys: `ophite meta delete`")
