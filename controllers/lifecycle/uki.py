"""What a unified kernel image says of itself: its command line and its os-release, from the sections of the PE file.

Only headers and these two sections are read, each up to a limit, and a file that is no UKI says nothing.
Sources: Microsoft, PE Format (COFF header, section table); UAPI group, UKI specification (.cmdline, .osrel).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from controllers.lifecycle.running import find_root_hash
from init.linux.cmdline import split_words

HEAD = 4096
ROOT_HASH = re.compile("[0-9a-f]{64}")
MAX_SECTIONS = 64
SECTION_LIMIT = 64 * 1024
COFF = struct.Struct("<4sHHIIIHH")  # signature and COFF file header
SECTION = struct.Struct("<8sIIII16x")  # name, virtual size, address, raw size, raw offset

Read = Callable[[int, int], bytes]
"""`read(offset, length)`."""


@dataclass(frozen=True, slots=True)
class Uki:
    """The two texts; empty where there is none."""

    command_line: str = ""
    os_release: str = ""

    @property
    def root_hash(self) -> str:
        """The root hash of `ophite.verity=`, or ""."""
        found = find_root_hash(" ".join(split_words(self.command_line)))
        return found if ROOT_HASH.fullmatch(found) else ""

    @property
    def version(self) -> str:
        """`IMAGE_VERSION` or `VERSION_ID` of os-release, or ""."""
        values = dict(line.split("=", 1) for line in self.os_release.splitlines() if "=" in line)
        return (values.get("IMAGE_VERSION") or values.get("VERSION_ID") or "").strip("\"'")


def read_uki(read: Read) -> Uki:
    """Return what an image says; nothing for one that is damaged. Raises what `read` raises."""
    head = read(0, HEAD)
    if len(head) < 64 or not head.startswith(b"MZ"):
        return Uki()
    at = struct.unpack_from("<I", head, 60)[0]
    if at + COFF.size > len(head):
        return Uki()
    signature, _, count, _, _, _, optional, _ = COFF.unpack_from(head, at)
    if signature != b"PE\0\0" or count > MAX_SECTIONS:
        return Uki()
    table = read(at + COFF.size + optional, count * SECTION.size)
    texts = {}
    for name, size, _, raw_size, offset in SECTION.iter_unpack(table[: len(table) // SECTION.size * SECTION.size]):
        if name.rstrip(b"\0") in (b".cmdline", b".osrel"):
            data = read(offset, min(size, raw_size, SECTION_LIMIT))
            texts[name.rstrip(b"\0")] = data.decode("utf-8", "replace").strip("\0\n ")
    return Uki(texts.get(b".cmdline", ""), texts.get(b".osrel", ""))
