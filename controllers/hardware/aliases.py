"""Which kernel modules drive a device: its `modalias` against the aliases of modules.json. Pure, but for reading that file.

An alias is a pattern of fnmatch(3), such as `pci:v00008086d00001533sv*sd*bc*sc*i*`. A kernel has twenty thousand of them and a
server hundreds of devices, so hardly any pair may be compared. The devices' texts are cut into pieces of `GRAM` characters; an
alias is compared only with texts that hold the end of its longest part without wildcards. The table is read through once and
not kept, because a small machine has better use for the memory. Aliases without a colon are no device's (`crypto-aes`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

GRAM = 8
TABLE_LIMIT = 8 << 20  # bytes
_WILD = re.compile(r"\[[^\]]*\]|[*?]")


class _Table(msgspec.Struct):
    """What is read of modules.json. `also`: further modules of an alias that several have."""

    aliases: dict[str, str] = {}
    also: dict[str, list[str]] = {}


@dataclass(slots=True)
class Matches:
    """Modules by text, each sorted, and how many pairs were compared."""

    modules: dict[str, list[str]] = field(default_factory=dict)
    compared: int = 0


def read_aliases(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (alias, module) of the image's table. Raises `OSError` or `ValueError` when it is missing or broken."""
    with path.open("rb") as file:
        data = file.read(TABLE_LIMIT)
    table = msgspec.json.decode(data, type=_Table)
    yield from table.aliases.items()
    for alias, modules in table.also.items():
        for module in modules:
            yield alias, module


def is_match(alias: str, text: str) -> bool:
    """Return whether the pattern `alias` fits the whole `text`, as fnmatch(3) says."""
    if "[" in alias or "?" in alias:
        return fnmatchcase(text, alias)
    first, *rest = alias.split("*")
    if not rest:
        return alias == text
    if not text.startswith(first):
        return False
    position, last = len(first), rest.pop()
    for part in rest:
        position = text.find(part, position)
        if position < 0:
            return False
        position += len(part)
    return text.endswith(last) and len(text) - len(last) >= position


def literal_of(alias: str) -> str:
    """Return the longest part of a pattern without wildcards: every text that it fits holds that."""
    parts = _WILD.split(alias) if "[" in alias or "?" in alias else alias.split("*")
    return max(parts, key=len)


def match_devices(texts: Iterable[str], aliases: Iterable[tuple[str, str]]) -> Matches:
    """Return the modules of every text that has some."""
    found = Matches()
    buses, grams = _index(set(texts))
    for alias, module in aliases:
        bus, colon, _ = alias.partition(":")
        if not colon or (near := buses.get(bus.rstrip("*"))) is None:
            continue
        literal = literal_of(alias)
        for text in near if len(literal) < GRAM else grams.get(literal[-GRAM:], ()):
            found.compared += 1
            if is_match(alias, text):
                modules = found.modules.setdefault(text, [])
                if module not in modules:
                    modules.append(module)
    for modules in found.modules.values():
        modules.sort()
    return found


def _index(texts: set[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the texts by bus and by the pieces that they hold."""
    buses: dict[str, list[str]] = {}
    grams: dict[str, list[str]] = {}
    for text in sorted(texts):
        buses.setdefault(text.partition(":")[0], []).append(text)
        for gram in {text[start : start + GRAM] for start in range(len(text) - GRAM + 1)}:
            grams.setdefault(gram, []).append(text)
    return buses, grams
