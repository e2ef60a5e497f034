"""Module sets: drivers that an image may carry, one frozen `ModuleSet` per file, found by looking into this package.

A file `network_10g.py` with a `SET` is the set `network-10g`; a file without one is machinery. `base` is in every image; a
board names those that are always in its images, `sets:` of a profile and `--set` add more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from image.errors import ImageError
from image.kmod import Modules
from image.named import find_named
from image.packages import SUITE
from image.sets.moduleset import ModuleSet

BASE = "base"


def find_sets() -> dict[str, ModuleSet]:
    """All sets in order of name. Raises `ValueError` for one that is not called as its file."""
    return find_named(__name__, __path__, "SET", ModuleSet)


SETS = find_sets()


def choose_sets(*names: Iterable[str]) -> tuple[ModuleSet, ...]:
    """The base, then the sets of these names, each once. Raises `ImageError` for an unknown name."""
    wanted = list(dict.fromkeys([BASE, *(name for some in names for name in some)]))
    unknown = [name for name in wanted if name not in SETS]
    if unknown:
        raise ImageError(f"no module set {', '.join(map(repr, unknown))}", f"one of: {', '.join(SETS)}")
    return tuple(SETS[name] for name in wanted)


def list_set_packages(sets: Iterable[ModuleSet], arch: str, suite: str = SUITE) -> list[str]:
    """The packages of sets as apt takes them. Firmware comes from the kernel's suite, because a newer kernel asks for newer
    files; programs come from the image's own."""
    names: dict[str, None] = {}
    for item in sets:
        firmware = select_packages((*item.firmware, *item.microcode), arch)
        names |= dict.fromkeys(name if suite == SUITE else f"{name}/{suite}" for name in firmware)
        names |= dict.fromkeys(keep.package for keep in item.keep)
    return list(names)


def select_packages(words: Iterable[str], arch: str) -> list[str]:
    """The names of the packages that this architecture takes (`NAME` or `NAME:ARCH`)."""
    pairs = (word.partition(":") for word in words)
    return [name for name, _, only in pairs if only in ("", arch)]


def expand_modules(sets: Iterable[ModuleSet], modules: Modules) -> list[str]:
    """The names of the modules of all sets in one kernel. Raises `ImageError` for a word that this kernel has nothing for."""
    return list(dict.fromkeys(name for item in sets for name in expand_set(item, modules)))


def expand_stage1(sets: Iterable[ModuleSet], modules: Modules) -> list[str]:
    """The names of those that the initramfs loads; raises `ImageError` in the same way."""
    return list(dict.fromkeys(name for item in sets for name in expand_words(item.name, item.stage1, modules)))


def expand_set(item: ModuleSet, modules: Modules) -> list[str]:
    """The names of one set's modules; raises `ImageError` when the kernel has none of them."""
    names = expand_words(item.name, (*item.modules, *item.stage1), modules)
    if not names and (item.modules or item.stage1):
        raise ImageError(f"set {item.name}: the kernel {modules.version} has none of its modules", "leave the set out")
    return names


def expand_words(name: str, words: Sequence[str], modules: Modules) -> list[str]:
    """Words of the set `name` → names of modules that the kernel has."""
    names: list[str] = []
    for word in words:
        plain = word.removeprefix("?")
        found = modules.list_below(plain) if plain.endswith("/") else [plain] if modules.has(plain) else []
        if not found and plain == word:
            kind = "modules below" if plain.endswith("/") else "module"
            raise ImageError(
                f"set {name}: the kernel {modules.version} has no {kind} {plain}",
                f"leave the set out, or correct image/sets/{name.replace('-', '_')}.py",
            )
        names += found
    return names
