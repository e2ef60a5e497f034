"""GRUB's environment block: 1024 bytes of `name=value` lines that GRUB itself can rewrite in place.

GRUB knows the file's blocks and nothing of its file system when it saves, so the file must exist with its whole size. All that
we keep fits the first sector, so a power cut leaves the old block or the new one. Source: GRUB manual, "The GRUB environment
block" and grub-editenv(1): a first line, then lines (a backslash before each backslash or line break of a value), then `#`.
"""

from __future__ import annotations

from collections.abc import Mapping

from controllers.lifecycle.errors import SlotError

SIZE = 1024
SECTOR = 512
HEADER = "# GRUB Environment Block\n"


def render(values: Mapping[str, str]) -> bytes:
    """Return the block. Raises `SlotError` when it would not fit the first sector."""
    lines = HEADER + "".join(f"{name}={_escape(value)}\n" for name, value in values.items())
    data = lines.encode()
    if len(data) > SECTOR:
        raise SlotError(f"GRUB's environment has {len(data)} bytes, and {SECTOR} is the limit", "shorten its values")
    return data.ljust(SIZE, b"#")


def parse(data: bytes) -> dict[str, str] | None:
    """Return the variables of a block; None when it is none that GRUB would read and could write."""
    if len(data) != SIZE or not data.startswith(HEADER.encode()):
        return None
    values = {}
    for line in _lines(data[len(HEADER) :].decode("utf-8", "replace")):
        name, separator, value = line.partition("=")
        if separator and name and not name.startswith("#"):
            values[name] = value
    return values


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\\n")


def _lines(text: str) -> list[str]:
    """Split at line breaks that no backslash precedes, and take the backslashes off; what is not ended by one is filler."""
    lines, line, characters = [], "", iter(text)
    for character in characters:
        if character == "\\":
            line += next(characters, "")
        elif character == "\n":
            lines.append(line)
            line = ""
        else:
            line += character
    return lines
