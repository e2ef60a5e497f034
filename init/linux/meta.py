"""META: a few short texts that outlive every version of the system (docs/lifecycle.md, "META").

Model: two copies, each with a generation and a checksum; the valid one with the highest generation counts. A write goes to the
other one, so whatever ends it leaves a valid copy.
Trap: the checksum covers only the payload. A copy whose header was half overwritten could pass with an old payload and a new
generation, so its magic goes first and comes back last, with a sync between.
"""

import json
import os
import struct
from typing import NamedTuple

from init.linux.disks import find_partition

try:  # not hashlib, which brings OpenSSL into PID 1
    from _sha2 import sha256  # type: ignore[import-not-found]  # private, so typeshed does not have it
except ImportError:  # CPython 3.11, where only tools and tests run
    from _sha256 import sha256  # type: ignore[import-not-found]  # the same

META_TYPE = "6f706869-7465-4000-8000-6d6574610000"  # partition type, Ophite's own
MAGIC = b"OPHMETA1"
COPIES = (0, 512 << 10)  # bytes from the beginning of the partition
MAX_PAYLOAD = 64 << 10  # bytes
MAX_KEY = 63  # characters
KEY_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_")
_HEADER = struct.Struct("<8sQI32s")  # magic, generation, length of the payload, SHA-256 of the payload


class Meta(NamedTuple):
    """What META holds; `generation` 0: nothing was ever written, or nothing of it is valid."""

    generation: int
    values: dict[str, str]


def is_key(text: str) -> bool:
    """Whether `text` may be a key: 1 to 63 of a-z 0-9 . - _ with a letter or digit first."""
    return 0 < len(text) <= MAX_KEY and text[0].isalnum() and KEY_CHARACTERS.issuperset(text)


def render_payload(values: dict[str, str]) -> bytes:
    """The JSON of the values; ValueError names a key that is none, or by how much all is too long."""
    for key in values:
        if not is_key(key):
            raise ValueError(f"META key {key[:80]!r}: not 1 to {MAX_KEY} of a-z 0-9 . - _ with a letter or digit first")
    payload = json.dumps(values, sort_keys=True, separators=(",", ":")).encode("ascii")
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"META would hold {len(payload)} bytes, the limit is {MAX_PAYLOAD}: delete a key")
    return payload


def render_copy(meta: Meta) -> bytes:
    """One copy; ValueError as of `render_payload`."""
    payload = render_payload(meta.values)
    return _HEADER.pack(MAGIC, meta.generation, len(payload), sha256(payload).digest()) + payload


def parse_copy(data: bytes) -> Meta | None:
    """What one copy holds, or None where it is not valid."""
    if len(data) < _HEADER.size:
        return None
    magic, generation, length, digest = _HEADER.unpack_from(data)
    payload = data[_HEADER.size : _HEADER.size + length]
    if magic != MAGIC or generation >> 63 or len(payload) != length or sha256(payload).digest() != digest:
        return None
    try:
        values = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or not all(isinstance(value, str) and is_key(key) for key, value in values.items()):
        return None
    return Meta(generation, values)


def read_meta(path: str) -> Meta:
    """The newest valid copy on a partition or file; empty where there is none. OSError when it cannot be read."""
    with open(path, "rb", buffering=0) as file:
        return max((copy for copy in _read_copies(file.fileno()) if copy), default=Meta(0, {}))


def write_meta(path: str, values: dict[str, str]) -> Meta:
    """Replace what META holds, durably; OSError, or ValueError before anything is written."""
    render_payload(values)
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        copies = [copy or Meta(0, {}) for copy in _read_copies(descriptor)]
        meta = Meta(max(copy.generation for copy in copies) + 1, dict(values))
        place = COPIES[copies.index(min(copies, key=lambda copy: copy.generation))]
        data = render_copy(meta)
        for piece, offset in ((bytes(8), 0), (data[8:], 8), (MAGIC, 0)):
            _write_all(descriptor, piece, place + offset)
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return meta


def find_meta_partition(root_guid: str, sys_block: str = "/sys/class/block", dev: str = "/dev") -> str | None:
    """The META partition of the disk that carries the root with this unique id; another disk's is another system's."""
    return find_partition(root_guid, sys_block, dev, beside=META_TYPE)[0]


def _read_copies(descriptor: int) -> list[Meta | None]:
    return [parse_copy(os.pread(descriptor, _HEADER.size + MAX_PAYLOAD, place)) for place in COPIES]


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written
