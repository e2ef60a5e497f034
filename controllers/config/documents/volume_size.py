"""Sizes of volumes as users write them: `10GiB`, `500MB`, bytes, or `80%` of the disk; and the checks that volumes share."""

import re
from typing import NamedTuple

from controllers.config.document import Document
from controllers.config.documents.disk_selector import DiskSelector
from controllers.config.parts import parse_size
from controllers.config.problem import Problem

MIB = 1024 * 1024
NAME_LIMIT = 32
"""A partition's name has room for 36 characters, two of which are the kind."""
SIZE_HINT = "write bytes or `10GiB`, `500MiB`, `20GB`"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_PERCENT = re.compile(r"([0-9]{1,3}) ?%")


class Limit(NamedTuple):
    """How large a volume may get: bytes, or percent of its disk; both 0 when there is no limit."""

    size: int = 0
    percent: int = 0


def parse_limit(text: str) -> Limit:
    """Return the limit that `50GiB` or `80%` means; none of an empty text. Raises `ValueError`."""
    match = _PERCENT.fullmatch(text)
    if match is None:
        return Limit(size=parse_size(text))
    percent = int(match[1])
    if not 1 <= percent <= 100:
        raise ValueError(f"{text!r} is no share of a disk")
    return Limit(percent=percent)


def check_name(document: Document, name: str) -> list[Problem]:
    """Check a volume's name, which becomes a partition's name and a directory."""
    if len(name) > NAME_LIMIT:
        return [document.problem("name", f"{len(name)} characters, the limit is {NAME_LIMIT}", "shorten it")]
    if not _NAME.fullmatch(name):
        hint = "lower-case letters, digits and `-`, beginning and ending with a letter or digit"
        return [document.problem("name", f"{name!r} is no valid name", hint)]
    return []


def check_sizes(document: Document, minimum: str, maximum: str, floor: int = 0) -> list[Problem]:
    """Check `minSize` and `maxSize`. In: `floor`, what such a volume needs at least, in bytes."""
    found, low, high = [], 0, Limit()
    try:
        low = parse_size(minimum)
    except ValueError as error:
        found.append(document.problem("minSize", str(error), SIZE_HINT))
    try:
        high = parse_limit(maximum)
    except ValueError as error:
        found.append(document.problem("maxSize", str(error), f"{SIZE_HINT}, or a share of the disk such as `80%`"))
    if found or not high.size:
        return found
    if low > high.size:
        return [document.problem("maxSize", "smaller than `minSize`", "swap them")]
    if high.size < floor:
        return [document.problem("maxSize", f"{high.size // MIB} MiB is too small", f"at least {floor // MIB}MiB")]
    return []


def check_disk(document: Document, disk: DiskSelector) -> list[Problem]:
    """Check the selector in the field `disk`."""
    return disk.validate(document, "disk")
