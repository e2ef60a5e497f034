"""Sizes that packed files state are read as they are stated, and nonsense is no size."""

import io
import lzma

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from image.flash_sizes import parse_xz_index, parse_zstd_size, read_xz_size

FRAME = b"\x28\xb5\x2f\xfd"


@pytest.mark.parametrize("size", [0, 1, 127, 128, 1 << 20])
def test_xz(size: int) -> None:
    data = lzma.compress(bytes(size), preset=0)
    assert read_xz_size(io.BytesIO(data), len(data)) == size


def test_xz_that_is_not_one_whole_stream() -> None:
    data = lzma.compress(b"a" * 10_000, preset=0)
    for other in (data + data, data[:-1], data + bytes(4), data[:20], b"", bytes(64)):
        assert read_xz_size(io.BytesIO(other), len(other)) is None


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy host is no failure
@given(st.binary(max_size=64), st.integers(0, 1 << 40))
def test_any_index_is_a_size_or_none(index: bytes, stored: int) -> None:
    found = parse_xz_index(index, stored)
    assert found is None or found >= 0


def test_a_number_without_an_end_is_cut() -> None:
    assert parse_xz_index(b"\0" + b"\xff" * 40, 1000) is None


@pytest.mark.parametrize(
    ("header", "size"),
    [
        (b"\x20\x07", 7),  # one byte, a single segment
        (b"\x60\x00\x01", 512),  # two bytes, which begin at 256
        (b"\x40\x58\x00\x01", 512),  # the same behind a window
        (b"\xa0\x00\x00\x00\x80", 2 << 30),
        (b"\xe0\x00\x00\x00\x00\x02\x00\x00\x00", 8 << 30),
        (b"\x21\x99\x07", 7),  # behind a dictionary's id
        (b"\x00\x58", None),
        (b"\xa0\x00", None),
        (b"", None),
    ],
)
def test_zstd(header: bytes, size: int | None) -> None:
    assert parse_zstd_size(FRAME + header) == size
