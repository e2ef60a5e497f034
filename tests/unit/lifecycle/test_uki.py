import struct
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.lifecycle.uki import SECTION_LIMIT, Read, Uki, read_uki
from tests.unit.lifecycle.ukis import make_uki

HASH = "ab12" * 16


def reader(data: bytes) -> Read:
    return lambda offset, length: data[offset : offset + length]


def test_command_line_and_version_are_read() -> None:
    found = read_uki(
        reader(make_uki(f"quiet ophite.verity={HASH.upper()}:cd:7 panic=-1", 'ID=ophite\nIMAGE_VERSION="1.2"\nVERSION_ID=9\n'))
    )
    assert found.root_hash == HASH
    assert found.version == "1.2"
    assert found.command_line == f"quiet ophite.verity={HASH.upper()}:cd:7 panic=-1"


def test_the_last_root_hash_counts_as_for_the_node() -> None:
    assert Uki(f"ophite.verity={'0' * 64}:b:1 ophite.verity={HASH}:d:2").root_hash == HASH
    assert Uki(f"ophite.verity={HASH}:b:1 ophite.verity=nonsense").root_hash == ""


def test_an_image_without_the_words_says_nothing() -> None:
    found = read_uki(reader(make_uki("quiet", "NAME=x\n")))
    assert (found.root_hash, found.version) == ("", "")


@pytest.mark.parametrize("cut", [0, 1, 2, 63, 64, 127, 150, 200])
def test_a_file_that_was_cut_off_says_nothing(cut: int) -> None:
    assert read_uki(reader(make_uki("ophite.verity=aa:b:1", "")[:cut])) == Uki()


@pytest.mark.parametrize(
    "data", [b"\x7fELF" * 100, bytes(5000), b"MZ" + b"\xff" * 5000, b"MZ" + bytes(58) + b"\x40\0\0\0XX\0\0"]
)
def test_what_is_no_image_says_nothing(data: bytes) -> None:
    assert read_uki(reader(data)) == Uki()


def test_a_huge_section_is_not_read_whole() -> None:
    lengths: list[int] = []
    data = make_uki("x" * (SECTION_LIMIT * 2), "")

    def read(offset: int, length: int) -> bytes:
        lengths.append(length)
        return data[offset : offset + length]

    assert len(read_uki(read).command_line) == SECTION_LIMIT
    assert max(lengths) == SECTION_LIMIT


def test_a_file_that_claims_many_sections_says_nothing() -> None:
    data = bytearray(make_uki("quiet", ""))
    struct.pack_into("<H", data, 64 + 6, 65_535)
    assert read_uki(reader(bytes(data))) == Uki()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=20))
def test_damage_never_raises(changes: Iterable[tuple[int, int]]) -> None:
    data = bytearray(make_uki("ophite.verity=aa:b:1 quiet", "VERSION_ID=1\n"))
    for at, value in changes:
        data[at % len(data)] = value
    read_uki(reader(bytes(data)))
