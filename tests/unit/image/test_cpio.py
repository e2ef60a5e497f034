"""cpio archives: round trip, what the kernel wants, damaged input."""

from __future__ import annotations

import stat
import subprocess

import pytest

from image.formats.cpio import character_device, decode_archive, directory, encode_archive, link, regular

MEMBERS = (
    regular("init", b"#!/usr/bin/python3.13 -IS\n", 0o755),
    link("lib", "usr/lib"),
    character_device("dev/console", 5, 1),
    regular("usr/lib/odd", b"abc"),
    directory("proc"),
)


def test_round_trip_with_the_directories_above() -> None:
    decoded = {member.name: member for member in decode_archive(encode_archive(MEMBERS))}
    assert list(decoded) == sorted([*(member.name for member in MEMBERS), "dev", "usr", "usr/lib"])
    for member in MEMBERS:
        assert decoded[member.name] == member
    assert stat.S_ISDIR(decoded["usr/lib"].mode)


def test_the_same_members_give_the_same_bytes_in_any_order() -> None:
    archive = encode_archive(MEMBERS)
    assert encode_archive(reversed(MEMBERS)) == archive
    assert len(archive) % 512 == 0


def test_the_header_of_one_file_to_the_byte() -> None:
    expected = (
        b"070701" b"00000001" b"000081ED" b"00000000" b"00000000" b"00000001" b"00000000" b"00000003"
        b"00000000" b"00000000" b"00000000" b"00000000" b"00000005" b"00000000" b"init\0\0" b"abc\0"
    )  # fmt: skip
    archive = encode_archive([regular("init", b"abc", 0o755)])
    assert archive[:110] == expected[:110]
    assert archive[110 : 110 + 6 + 4] == b"init\0\0abc\0"


def test_cpio_reads_it() -> None:
    listing = subprocess.run(
        ["cpio", "--list", "--verbose", "--numeric-uid-gid"], input=encode_archive(MEMBERS), capture_output=True, check=True
    ).stdout.decode()
    assert "crw-------   1 0        0          5,   1" in listing
    assert "lib -> usr/lib" in listing
    assert "-rwxr-xr-x" in listing


@pytest.mark.parametrize("cut", [0, 50, 200])
def test_a_damaged_archive_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="no cpio header"):
        list(decode_archive(encode_archive(MEMBERS)[:cut]))
