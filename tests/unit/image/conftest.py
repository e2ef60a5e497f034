"""Small inputs for the image's unit tests."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import pytest

from image.formats.elf import DYNAMIC, HEADER, PROGRAM, SECTION

ElfMaker = Callable[..., bytes]


def make_elf(*, modinfo: bytes = b"", needed: Sequence[str] = (), interpreter: bytes = b"") -> bytes:
    """A minimal 64-bit ELF file with a .modinfo section, DT_NEEDED entries and an interpreter."""
    names = b"\0.modinfo\0.shstrtab\0"
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in needed)
    body_start = HEADER.size + 3 * PROGRAM.size
    strings_at = body_start
    entries, offset = b"", 1
    for name in needed:
        entries += DYNAMIC.pack(1, offset)
        offset += len(name) + 1
    dynamic_at = strings_at + len(strings)
    entries += DYNAMIC.pack(5, strings_at) + DYNAMIC.pack(0, 0)
    modinfo_at = dynamic_at + len(entries)
    names_at = modinfo_at + len(modinfo)
    interpreter_at = names_at + len(names)
    sections_at = interpreter_at + len(interpreter)
    total = sections_at + 3 * SECTION.size
    header = HEADER.pack(
        b"\x7fELF\x02\x01\x01" + bytes(9), 3, 62, 1, 0, HEADER.size, sections_at, 0, HEADER.size,
        PROGRAM.size, 3, SECTION.size, 3, 2,
    )  # fmt: skip
    interp_kind = 3 if interpreter else 4
    programs = b"".join(
        PROGRAM.pack(kind, 4, at, at, at, size, size, 8)
        for kind, at, size in ((1, 0, total), (2, dynamic_at, len(entries)), (interp_kind, interpreter_at, len(interpreter)))
    )
    sections = b"".join(
        SECTION.pack(name, 1, 0, 0, at, size, 0, 0, 1, 0)
        for name, at, size in ((0, 0, 0), (1, modinfo_at, len(modinfo)), (10, names_at, len(names)))
    )
    data = header + programs + strings + entries + modinfo + names + interpreter + sections
    assert len(data) == total
    assert struct.unpack_from("<H", data, 18) == (62,)
    return data


@pytest.fixture
def elf() -> ElfMaker:
    """Makes ELF files."""
    return make_elf
