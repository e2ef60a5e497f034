"""`dmesg`: the kernel's messages.

Trap: the kernel logs its command line, and `ophite.config=` on it is a whole configuration with its secrets.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from controllers.machine.operations.table import Request, method
from controllers.runtime.errors import OperationError

if TYPE_CHECKING:
    from controllers.machine.kernel_records import Record
    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method


_INLINE_CONFIG = re.compile(r"(ophite\.config=)\S+")


class Dmesg(Request, frozen=True, kw_only=True):
    """`follow`: go on with what comes."""

    follow: bool = False


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table."""

    async def dmesg(request: Dmesg) -> AsyncIterator[dict[str, Any]]:
        from controllers.machine import kernel_records

        try:
            reader = kernel_records.open_reader()
        except OSError as error:
            hint = "in a container the kernel's log belongs to the host"
            raise OperationError("unavailable", f"the kernel's log cannot be read: {error}", hint) from None
        ready = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(reader, ready.set)
        try:
            while True:
                ready.clear()
                for record in kernel_records.read_records(reader):
                    yield render_record(record)
                if not request.follow:
                    return
                await ready.wait()
        finally:
            loop.remove_reader(reader)
            os.close(reader)

    return [method("dmesg", Dmesg, dmesg)]


def render_record(record: Record) -> dict[str, Any]:
    """Return a record as builtins, without a configuration that the kernel's command line may hold."""
    return {
        "priority": record.level,
        "sequence": record.sequence,
        "time_us": record.microseconds,
        "message": _INLINE_CONFIG.sub(r"\1[redacted]", record.text),
    }
