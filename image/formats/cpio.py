"""cpio archives in the format that the kernel unpacks (newc; Documentation/driver-api/early-userspace/buffer-format.rst).

Written here because an archive needs device nodes and root's ownership, which a build without root cannot make as files.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAGIC = b"070701"
TRAILER = "TRAILER!!!"
ALIGNMENT = 4
HEADER_BYTES = 110


@dataclass(frozen=True)
class Member:
    """One entry: `mode` with its file type, `data` the content or a link's target, `device` major and minor."""

    name: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def directory(name: str, mode: int = 0o755) -> Member:
    """A directory."""
    return Member(name, stat.S_IFDIR | mode)


def regular(name: str, data: bytes, mode: int = 0o644) -> Member:
    """A regular file."""
    return Member(name, stat.S_IFREG | mode, data)


def link(name: str, target: str) -> Member:
    """A symbolic link."""
    return Member(name, stat.S_IFLNK | 0o777, target.encode())


def character_device(name: str, major: int, minor: int, mode: int = 0o600) -> Member:
    """A character device node."""
    return Member(name, stat.S_IFCHR | mode, b"", (major, minor))


def encode_archive(members: Iterable[Member]) -> bytes:
    """The archive: members in order of name with the directories above them, owned by root, without times."""
    return b"".join(iterate_archive(members))


def iterate_archive(members: Iterable[Member]) -> Iterator[bytes]:
    """The archive in pieces, for one that is too long to be in memory twice."""
    complete = {member.name: member for member in members}
    for name in list(complete):
        parts = name.split("/")
        for depth in range(1, len(parts)):
            above = "/".join(parts[:depth])
            complete.setdefault(above, directory(above))
    ordered = [complete[name] for name in sorted(complete)]
    length = 0
    for number, member in enumerate(ordered, 1):
        for piece in _encode(number, member):
            length += len(piece)
            yield piece
    trailer = b"".join(_encode(0, Member(TRAILER, 0)))
    yield trailer + bytes(-(length + len(trailer)) % 512)


def _encode(number: int, member: Member) -> tuple[bytes, bytes, bytes]:
    links = 2 if stat.S_ISDIR(member.mode) else 1
    name = member.name.encode() + b"\0"
    major, minor = member.device
    fields = (number, member.mode, 0, 0, links, 0, len(member.data), 0, 0, major, minor, len(name), 0)
    header = MAGIC + b"".join(b"%08X" % field for field in fields)
    return _pad(header + name, ALIGNMENT), member.data, bytes(-len(member.data) % ALIGNMENT)


def _pad(data: bytes, alignment: int) -> bytes:
    return data + bytes(-len(data) % alignment)


def decode_archive(data: bytes) -> Iterator[Member]:
    """The members of an archive up to its trailer; raises `ValueError` when it is damaged."""
    offset = 0
    while True:
        header = data[offset : offset + HEADER_BYTES]
        if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
            raise ValueError(f"no cpio header at byte {offset}")
        fields = [int(header[6 + 8 * i : 14 + 8 * i], 16) for i in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        start = offset + HEADER_BYTES
        name = data[start : start + name_size - 1].decode()
        start += name_size + -(start + name_size) % ALIGNMENT
        if name == TRAILER:
            return
        yield Member(name, mode, data[start : start + size], (fields[9], fields[10]))
        offset = start + size + -(start + size) % ALIGNMENT
