"""The first values of META in a disk image (docs/lifecycle.md, "META"); the node's own codec is `init/linux/meta.py`.

An image has the first of the two copies, with the first generation; the second one is zeros, so it is not valid and the
node's next write goes there.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Mapping, Sequence

from image.errors import ImageError

MAGIC = b"OPHMETA1"
HEADER = struct.Struct("<8sQI32s")  # magic, generation, length of the payload, SHA-256 of the payload
KEY = re.compile(r"user\.[a-z0-9._-]{1,58}")
MAX_KEYS = 64
MAX_VALUE = 4096  # bytes
MAX_PAYLOAD = 64 << 10  # bytes


def render_meta(values: Mapping[str, str]) -> bytes:
    """The first copy; the values are those that `check_meta` let through."""
    payload = json.dumps(dict(values), sort_keys=True, separators=(",", ":")).encode("ascii")
    return HEADER.pack(MAGIC, 1, len(payload), hashlib.sha256(payload).digest()) + payload


def find_problems(values: Mapping[str, str]) -> list[str]:
    """All that is wrong with values for META, one line each."""
    problems = [
        f"{key[:80]}: not user. and 1 to 58 of a-z 0-9 . - _ (the other keys are the node's)"
        for key in values
        if not KEY.fullmatch(key)
    ]
    for key, value in values.items():
        if len(value.encode()) > MAX_VALUE:
            problems.append(f"{key[:80]}: {len(value.encode())} bytes, the limit is {MAX_VALUE}")
    if len(values) > MAX_KEYS:
        problems.append(f"{len(values)} keys, the limit is {MAX_KEYS}")
    if not problems and len(render_meta(values)) - HEADER.size > MAX_PAYLOAD:
        problems.append(f"more than {MAX_PAYLOAD} bytes in all")
    return problems


def parse_words(words: Sequence[str]) -> dict[str, str]:
    """`KEY=VALUE` words → values; raises `ImageError` with all that is wrong."""
    values: dict[str, str] = {}
    problems = []
    for word in words:
        key, separator, value = word.partition("=")
        if not separator:
            problems.append(f"{word[:80]}: not KEY=VALUE")
        elif key in values:
            problems.append(f"{key[:80]}: twice")
        values[key] = value
    problems = problems or find_problems(values)
    if problems:
        raise ImageError("--meta: " + "; ".join(problems), "--meta user.site=berlin")
    return values
