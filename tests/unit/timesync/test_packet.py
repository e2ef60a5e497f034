"""SNTP answers are checked before they are believed."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.timesync.packet import KissOfDeath, Sample, from_epoch, parse_answer, render_request, to_epoch

COOKIE = 0x1122334455667788
SENT, RECEIVED = 1_800_000_000.0, 1_800_000_000.2


def answer(
    *,
    first: int = 0x24,
    stratum: int = 2,
    root_delay: int = 0,
    dispersion: int = 0,
    reference: bytes = b"GPS\0",
    origin: int = COOKIE,
    receive: float = SENT + 10.1,
    transmit: float = SENT + 10.1,
) -> bytes:
    times = (0, origin, from_epoch(receive), from_epoch(transmit))
    return struct.pack("!BBbbII4sQQQQ", first, stratum, 6, -20, root_delay, dispersion, reference, *times)


def test_a_good_answer() -> None:
    sample = parse_answer(answer(), COOKIE, SENT, RECEIVED)
    assert sample.offset == pytest.approx(10.0, abs=1e-4)
    assert sample.delay == pytest.approx(0.2, abs=1e-4)
    assert sample.stratum == 2


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (answer()[:47], "47 bytes"),
        (b"", "0 bytes"),
        (answer(origin=COOKIE + 1), "not an answer to our request"),
        (answer(first=0x23), "mode 3"),
        (answer(first=0x14), "version 2"),
        (answer(first=0xE4), "not synchronised"),
        (answer(stratum=16), "not synchronised"),
        (answer(dispersion=16 << 16), "too unsure"),
        (answer(receive=-2_208_988_800.0), "too unsure"),
        (answer(transmit=SENT), "a round trip"),
        (answer(transmit=SENT + 20), "a round trip"),
    ],
)
def test_a_bad_answer_is_refused(data: bytes, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        parse_answer(data, COOKIE, SENT, RECEIVED)


def test_an_answer_that_took_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="a round trip of 3"):
        parse_answer(answer(), COOKIE, SENT, SENT + 3)


def test_a_kiss_of_death_is_told() -> None:
    with pytest.raises(KissOfDeath, match="RATE") as caught:
        parse_answer(answer(stratum=0, reference=b"RATE"), COOKIE, SENT, RECEIVED)
    assert caught.value.code == "RATE"


def test_a_request_shows_nothing_but_the_cookie() -> None:
    request = render_request(COOKIE)
    assert len(request) == 48
    assert request[0] == 0x23
    assert request[40:] == COOKIE.to_bytes(8, "big")
    assert not any(request[1:40])


@given(st.floats(0, 4_000_000_000))
def test_timestamps_round_trip_over_the_era_of_2036(epoch: float) -> None:
    assert to_epoch(from_epoch(epoch)) == pytest.approx(epoch, abs=1e-5)


@given(st.binary(max_size=100))
def test_no_packet_can_do_harm(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_answer(data, COOKIE, SENT, RECEIVED), Sample)
