"""Frames and errors as they travel: whatever arrives, it is a message or a `WireError`."""

import asyncio
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.runtime import errors, wire
from controllers.runtime.errors import Conflict, NotFound, OperationError, RuntimeFault, Waiting, WireError


async def read(*chunks: bytes) -> list[Any] | None:
    reader = asyncio.StreamReader()
    for chunk in chunks:
        reader.feed_data(chunk)
    reader.feed_eof()
    return await wire.read_frame(reader)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.integers(0, 2**31), st.text(max_size=20), VALUES)
async def test_what_is_sent_is_what_is_read(id_: int, method: str, params: Any) -> None:
    frame = wire.encode_frame([id_, method, params])
    assert await read(frame) == [id_, method, params]
    assert await read(frame[:3], frame[3:]) == [id_, method, params]


@given(st.binary(max_size=200))
async def test_noise_is_refused(noise: bytes) -> None:
    try:
        message = await read(noise)
    except WireError:
        return
    assert message is None or (len(message) == 3 and type(message[0]) is int and type(message[1]) is str)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (b"\x00\x00", "within a message"),
        (b"\x00\x00\x00\x05ab", "within a message"),
        (struct.pack(">I", wire.MAX_FRAME + 1), "announced 16777217 bytes"),
        (b"\xff\xff\xff\xff", "announced"),
        (b"\x00\x00\x00\x00", "not msgpack"),
        (struct.pack(">I", 3) + b"\xc1\xc1\xc1", "not msgpack"),
        (struct.pack(">I", 100_000) + b"\x91" * 100_000, "not msgpack"),
        (wire._LENGTH.pack(1) + b"\x01", "not a message"),
        (wire.encode_frame([1, "m"]), "not a message"),
        (wire.encode_frame(["1", "m", None]), "not a message"),
        (wire.encode_frame([True, "m", None]), "not a message"),
        (wire.encode_frame([1, 2, None]), "not a message"),
    ],
)
async def test_broken_frames_say_what_is_wrong(frame: bytes, words: str) -> None:
    with pytest.raises(WireError, match=words):
        await read(frame)


async def test_the_end_is_no_error() -> None:
    assert await read() is None


def test_what_cannot_be_sent_is_refused_before_it_is() -> None:
    with pytest.raises(WireError, match="too large"):
        wire.encode_frame([1, "item", b"x" * wire.MAX_FRAME])
    with pytest.raises(WireError, match="cannot be sent"):
        wire.encode_frame([1, "item", object()])
    with pytest.raises(WireError, match="cannot be sent"):
        wire.encode_frame([1, "item", 2**70])


FAULTS = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, RuntimeFault)]


@pytest.mark.parametrize("fault", [cls for cls in FAULTS if cls is not OperationError])
def test_every_fault_arrives_as_itself(fault: type[RuntimeFault]) -> None:
    there = wire.decode_error(wire.encode_error(fault("what", "how to fix it")))
    assert (type(there), there.message, there.hint) == (fault, "what", "how to fix it")


def test_an_operation_error_keeps_its_code() -> None:
    there = wire.decode_error(wire.encode_error(OperationError("failed_precondition", "what", "fix")))
    assert isinstance(there, OperationError)
    assert (there.code, there.message, there.hint) == ("failed_precondition", "what", "fix")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (Waiting("the clock"), "unavailable", "waits for the clock"),
        (msgspec.ValidationError("Expected `int` - at `$.a`"), "invalid_argument", "$.a"),
        (ValueError("the password is hunter2"), "internal", "ValueError"),
    ],
)
def test_other_errors_become_operation_errors(error: Exception, code: str, words: str) -> None:
    there = wire.decode_error(wire.encode_error(error))
    assert isinstance(there, OperationError)
    assert there.code == code
    assert words in there.message
    assert "hunter2" not in str(there)


@pytest.mark.parametrize("value", [None, 1, "text", [], {}, {"type": "Exception"}, {"type": 5, 7: "x"}, {"type": "SystemExit"}])
def test_a_strange_error_is_still_one(value: Any) -> None:
    assert isinstance(wire.decode_error(value), OperationError)


def test_faults_show_message_and_hint() -> None:
    assert str(NotFound("gone", "look elsewhere")) == "gone (look elsewhere)"
    assert str(Conflict("changed")) == "changed"
