"""SNTP over a real UDP socket on the loopback."""

import asyncio
import struct
from collections.abc import Callable
from typing import cast

import pytest

from controllers.runtime.clock import SystemClock
from controllers.timesync.packet import from_epoch
from controllers.timesync.query import SntpQuery


class Responder(asyncio.DatagramProtocol):
    """Answers each request with what a test says (None: nothing)."""

    def __init__(self, reply: Callable[[bytes], bytes | None]) -> None:
        self.reply = reply
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | None, int]) -> None:
        reply = self.reply(data)
        if reply is not None and self.transport is not None:
            self.transport.sendto(reply, addr)


def honest(offset: float) -> Callable[[bytes], bytes]:
    """Return a server whose clock is `offset` seconds ahead."""

    def reply(request: bytes) -> bytes:
        now = from_epoch(SystemClock().wall() + offset)
        cookie = int.from_bytes(request[40:48], "big")
        return struct.pack("!BBbbII4sQQQQ", 0x24, 1, 6, -20, 0, 0, b"GPS\0", now, cookie, now, now)

    return reply


async def ask(reply: Callable[[bytes], bytes | None], patience: float = 1.0) -> float:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Responder(reply), ("127.0.0.1", 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        return (await SntpQuery(SystemClock(), patience, port)("127.0.0.1")).offset
    finally:
        transport.close()


async def test_the_offset_of_a_real_exchange() -> None:
    assert await ask(honest(1234.5)) == pytest.approx(1234.5, abs=1.0)


async def test_a_forged_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="not an answer to our request"):
        await ask(lambda request: honest(0.0)(b"\0" * 48))


async def test_silence_ends() -> None:
    with pytest.raises(OSError):  # noqa: PT011 - a time-out has no text
        await ask(lambda request: None, patience=0.05)


async def test_an_unknown_name_is_an_error_of_the_system() -> None:
    with pytest.raises((OSError, ValueError)):
        await SntpQuery(SystemClock(), 0.5)("no such name." * 30)
