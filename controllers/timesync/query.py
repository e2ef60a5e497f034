"""Ask NTP servers over UDP: bounded in time and in answers, and only the asked one may answer."""

import asyncio
import secrets
import socket
from typing import Protocol

from controllers.runtime.clock import Clock
from controllers.timesync.packet import Sample, parse_answer, render_request

PORT = 123
TIMEOUT = 3.0
MAX_ADDRESSES = 4
"""How many of a name's addresses are asked."""


class Query(Protocol):
    """Asks one server. Raises `OSError` (no answer, no such name) and `ValueError` (not believable)."""

    async def __call__(self, server: str) -> Sample: ...


class SntpQuery:
    """The real one. `patience` multiplies the time-out."""

    def __init__(self, clock: Clock, patience: float = 1.0, port: int = PORT) -> None:
        self._clock = clock
        self._timeout = TIMEOUT * patience
        self._port = port

    async def __call__(self, server: str) -> Sample:
        """Return the sample of the first of a server's addresses that gives a believable one."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._timeout):
            found = await loop.getaddrinfo(server, self._port, type=socket.SOCK_DGRAM)
        failure: Exception = OSError(f"{server} has no address")
        for family, *_, address in found[:MAX_ADDRESSES]:
            try:
                return await self._ask(family, address)
            except (OSError, ValueError) as error:
                failure = error
        raise failure

    async def _ask(self, family: int, address: tuple[object, ...]) -> Sample:
        """Exchange one packet. The socket is connected, so the kernel drops what others send."""
        loop = asyncio.get_running_loop()
        with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)
            sock.connect(address)
            cookie = secrets.randbits(64)
            begin, sent = self._clock.now(), self._clock.wall()
            await loop.sock_sendall(sock, render_request(cookie))
            async with asyncio.timeout(self._timeout):
                data = await loop.sock_recv(sock, 1024)
            # Our end of the exchange by the monotonic clock: nothing may step it meanwhile.
            return parse_answer(data, cookie, sent, sent + self._clock.now() - begin)
