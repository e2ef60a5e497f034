"""The language between the brain and its callers: frames, and calls multiplexed over one stream.

    frame     4-byte big-endian length + msgpack, at most 16 MiB
    request   [id, method, params]        also [id, "ack", n] and [id, "cancel", null]
    answer    [id, "item" | "end" | "error", value]

A call with one result is one item and the end. At most `WINDOW` items of a call are under way; `ack` n asks for n more, so a
slow reader of one call delays no other call and fills no memory. Errors travel with type, message and hint.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec

from controllers.runtime.errors import OperationError, RuntimeFault, Waiting, WireError

MAX_FRAME = 16 << 20
WINDOW = 64
ACK_EVERY = WINDOW // 2

ACK, CANCEL = "ack", "cancel"
ITEM, END, ERROR = "item", "end", "error"

_LENGTH = struct.Struct(">I")


class Peer(msgspec.Struct, frozen=True):
    """Who is at the other end, as the kernel says (unix(7), SO_PEERCRED)."""

    pid: int
    uid: int
    gid: int


Handler = Callable[[Any, Peer], Awaitable[Any] | AsyncIterator[Any]]
"""In: the params as they were sent (builtins; hostile), and the caller. Out: one value, or (an async generator) items."""


class Method(msgspec.Struct, frozen=True):
    """One entry of a server's table: `uids` are those that may call it; nobody else gets past the server."""

    name: str
    handler: Handler
    uids: frozenset[int] = frozenset({0})


def encode_frame(message: list[Any]) -> bytes:
    """Return a message as a frame. Raises `WireError` when it is too large or holds what msgpack cannot."""
    try:
        body = msgspec.msgpack.encode(message)
    except (TypeError, ValueError, OverflowError) as error:
        raise WireError(f"cannot be sent: {error}") from error
    if len(body) > MAX_FRAME:
        raise WireError(f"a message of {len(body)} bytes is too large", f"the limit is {MAX_FRAME}")
    return _LENGTH.pack(len(body)) + body


async def read_frame(reader: asyncio.StreamReader) -> list[Any] | None:
    """Return the next message, a list of three that begins with a number; None at the end of the stream.

    Raises `WireError` for anything else: the stream is then out of step and must be closed.
    """
    try:
        (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if size > MAX_FRAME:
            raise WireError(f"the other end announced {size} bytes", f"the limit is {MAX_FRAME}")
        message = msgspec.msgpack.decode(await reader.readexactly(size))
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise WireError("the stream ended within a message") from error
        return None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(f"not msgpack: {error}") from error
    except ConnectionError as error:
        raise WireError(f"the connection broke: {error}") from error
    if not (isinstance(message, list) and len(message) == 3 and type(message[0]) is int and type(message[1]) is str):
        raise WireError("not a message of the protocol")
    return message


def encode_error(error: BaseException) -> dict[str, str]:
    """Return an error as it travels. What is neither expected nor the caller's fault becomes `internal`, without details."""
    match error:
        case OperationError():
            sent = error
        case RuntimeFault():
            return {"type": type(error).__name__, "message": error.message, "hint": error.hint}
        case Waiting():
            sent = OperationError("unavailable", f"waits for {error.what}")
        case msgspec.ValidationError():
            sent = OperationError("invalid_argument", str(error))
        case _:
            sent = OperationError("internal", f"the brain failed: {type(error).__name__}", "its log has the traceback")
    return {"type": "OperationError", "code": sent.code, "message": sent.message, "hint": sent.hint}


def decode_error(value: Any) -> RuntimeFault:
    """Return an error to raise: of the type that the other end raised."""
    fields = {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {"message": str(value)}
    message, hint = fields.get("message", ""), fields.get("hint", "")
    found = _FAULTS.get(fields.get("type", ""))
    return found(message, hint) if found else OperationError(fields.get("code", "internal"), message, hint)


def _leaves(base: type[RuntimeFault]) -> dict[str, type[RuntimeFault]]:
    """Return every error below `base` by name."""
    found = {base.__name__: base}
    for below in base.__subclasses__():
        found |= _leaves(below)
    return found


_FAULTS = {name: cls for name, cls in _leaves(RuntimeFault).items() if cls is not OperationError}
