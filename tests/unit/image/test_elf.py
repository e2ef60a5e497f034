"""The little of ELF that the build reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from image.formats.elf import is_elf, parse_elf, read_machine

Maker = Callable[..., bytes]


def test_sections_needed_libraries_and_interpreter(elf: Maker) -> None:
    parsed = parse_elf(elf(modinfo=b"license=GPL\0", needed=["libc.so.6", "libm.so.6"], interpreter=b"/lib64/ld.so\0"))
    assert parsed.section(".modinfo") == b"license=GPL\0"
    assert parsed.section(".nothing") == b""
    assert parsed.find_needed() == ["libc.so.6", "libm.so.6"]
    assert parsed.is_program
    assert parsed.machine == 62
    assert read_machine(elf()[:64]) == 62


def test_a_library_is_no_program(elf: Maker) -> None:
    assert not parse_elf(elf(needed=["libc.so.6"])).is_program


def test_a_program_of_this_host() -> None:
    path = Path("/bin/cat")
    data = path.resolve().read_bytes()
    parsed = parse_elf(data)
    assert parsed.is_program
    assert "libc.so.6" in parsed.find_needed()


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"#!/bin/sh\n" * 20, b"\x7fELF\x01\x01" + bytes(80)])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="ELF"):
        parse_elf(data)
    if data[4:6] != b"\x01\x01":
        with pytest.raises(ValueError, match="ELF"):
            read_machine(data)


def test_a_truncated_file_is_refused(elf: Maker) -> None:
    data = elf(modinfo=b"license=GPL\0")
    with pytest.raises(ValueError, match="truncated"):
        parse_elf(data[: len(data) - 100])


def test_magic() -> None:
    assert is_elf(b"\x7fELF...")
    assert not is_elf(b"MZ")
