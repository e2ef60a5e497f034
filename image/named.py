"""Things that are found by looking into a package: one per file, called as the file is.

`raspberry_pi_4.py` with a `BOARD` is the board `raspberry-pi-4`; a file without one holds what several share. To add one
means to add a file.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, TypeVar


class Named(Protocol):
    """Something with a name."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...


T = TypeVar("T", bound=Named)


def find_named(package: str, path: Iterable[str], attribute: str, kind: type[T]) -> dict[str, T]:
    """All in order of file. In: a package and its `__path__`; the attribute of a module that is one, and its type.

    Raises `ValueError` for one that is not called as its file.
    """
    found: dict[str, T] = {}
    for name in sorted(info.name for info in iter_modules(path)):
        one = getattr(import_module(f"{package}.{name}"), attribute, None)
        if one is None:
            continue
        called = name.replace("_", "-")
        if not isinstance(one, kind) or one.name != called:
            place = f"{package.replace('.', '/')}/{name}.py"
            raise ValueError(f"{place}: {attribute} is not a {kind.__name__} named {called!r}")
        found[called] = one
    return found
