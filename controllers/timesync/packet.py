"""SNTP packets (RFC 5905, section 7.3; RFC 4330) and what makes an answer believable.

An answer is anybody's UDP datagram until it has been checked: its origin timestamp must be the random one that was sent,
so that nobody who did not see the request can answer it.
"""

import struct
from enum import IntEnum

from controllers.runtime.resource import Part

EPOCH_OFFSET = 2_208_988_800
"""Seconds from 1900 (NTP) to 1970 (RFC 868)."""
ERA_SECONDS = 2**32
SIZE = 48
VERSION, CLIENT_MODE, SERVER_MODE = 4, 3, 4
MAX_STRATUM = 15
MAX_DELAY = 2.0
"""Seconds: an answer that took longer says too little about the time."""
MAX_DISPERSION = 16.0
"""MAXDISP of RFC 5905."""
_PACKET = struct.Struct("!BBbbII4sQQQQ")


class Leap(IntEnum):
    """The leap indicator; 3: the server's own clock is not synchronised."""

    NONE = 0
    LONGER = 1
    SHORTER = 2
    UNKNOWN = 3


class Sample(Part, frozen=True, kw_only=True):
    """A believable answer. `offset`: what to add to our clock; `delay`: round trip; both in seconds."""

    offset: float
    delay: float
    stratum: int
    server_time: float


class KissOfDeath(ValueError):
    """The server asks to be left alone; `code` says why (`RATE`, `DENY`, `RSTR`)."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the server refused: {code}")
        self.code = code


def render_request(cookie: int) -> bytes:
    """Return a client's request. `cookie` (64 bits, random) goes where our time would: a server echoes it, and nobody
    learns our clock.
    """
    return _PACKET.pack(VERSION << 3 | CLIENT_MODE, 0, 0, 0, 0, 0, b"\0" * 4, 0, 0, 0, cookie)


def parse_answer(data: bytes, cookie: int, sent: float, received: float) -> Sample:
    """Return what an answer says. `sent` and `received` are our wall clock around the exchange.

    Raises `KissOfDeath`, and `ValueError` for an answer that cannot be believed.
    """
    if len(data) < SIZE:
        raise ValueError(f"{len(data)} bytes instead of {SIZE}")
    first, stratum, _, _, root_delay, dispersion, reference, _, origin, receive, transmit = _PACKET.unpack(data[:SIZE])
    leap, version, mode = first >> 6, first >> 3 & 7, first & 7
    if origin != cookie:
        raise ValueError("not an answer to our request")
    if mode != SERVER_MODE or not 3 <= version <= VERSION:
        raise ValueError(f"mode {mode}, version {version}")
    if stratum == 0:
        raise KissOfDeath(reference.decode("ascii", "replace").strip("\0 "))
    if leap == Leap.UNKNOWN or stratum > MAX_STRATUM:
        raise ValueError("the server's own clock is not synchronised")
    if root_delay / 65536 / 2 + dispersion / 65536 >= MAX_DISPERSION or not receive or not transmit:
        raise ValueError("the server is too unsure of the time")
    t2, t3 = to_epoch(receive), to_epoch(transmit)
    delay = (received - sent) - (t3 - t2)
    if t3 < t2 or not -0.001 <= delay <= MAX_DELAY:
        raise ValueError(f"a round trip of {delay:.3f} s")
    return Sample(offset=((t2 - sent) + (t3 - received)) / 2, delay=max(delay, 0.0), stratum=stratum, server_time=t3)


def to_epoch(timestamp: int) -> float:
    """Return seconds since 1970 of an NTP timestamp; those with the top bit clear are of the era that begins in 2036."""
    seconds, fraction = timestamp >> 32, timestamp & 0xFFFFFFFF
    era = 0 if seconds >> 31 else ERA_SECONDS
    return float(seconds + era - EPOCH_OFFSET) + fraction / 2**32


def from_epoch(epoch: float) -> int:
    """Return the NTP timestamp of seconds since 1970."""
    return int((epoch + EPOCH_OFFSET) * 2**32) & 0xFFFFFFFFFFFFFFFF
