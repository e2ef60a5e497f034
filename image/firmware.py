"""Firmware: the files that modules ask for, out of Debian's packages, and nothing else.

A module names what it may load (`firmware=` in modinfo, MODULE_FIRMWARE of linux/module.h): a name below /lib/firmware, or a
pattern, in which `*` does not cross a `/`. Packages hold the file under that name, or a symbolic link to it, which is
followed and kept. A name that neither a package nor a set's `absent` explains ends the build.
Trap: drivers name more than anybody ships: old versions that they still take, and machines that were never sold.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from image.errors import ImageError
from image.formats import cpio
from image.kmod import ModuleInfo
from image.sets.moduleset import ModuleSet

FIRMWARE = "usr/lib/firmware"
WILD = re.compile(r"[*?\[]")
LINK_LIMIT = 16  # links on the way to one file
SHOWN = 20  # missing names in a message


@dataclass(frozen=True)
class FirmwareFile:
    """One file, or one symbolic link, by its name in the root."""

    name: str
    source: Path | None = None
    link: str = ""  # the target, of a link

    @property
    def bytes(self) -> int:
        """Its size; a link has none."""
        return self.source.stat().st_size if self.source else 0


@dataclass(frozen=True)
class FirmwareTree:
    """All firmware of some packages: name below the directory → file, or target of a link."""

    entries: Mapping[str, Path | str]

    @classmethod
    def read(cls, trees: Iterable[Path], links: Mapping[str, str]) -> FirmwareTree:
        """Read unpacked packages; `links` are those that Debian makes when a package is installed."""
        entries: dict[str, Path | str] = dict(links)
        for tree in trees:
            top = tree / FIRMWARE
            for path in sorted(top.rglob("*")):
                if path.is_symlink():
                    entries[path.relative_to(top).as_posix()] = path.readlink().as_posix()
                elif path.is_file():
                    entries[path.relative_to(top).as_posix()] = path
        return cls(entries)

    def find(self, wanted: str) -> dict[str, FirmwareFile]:
        """The files for a name or pattern, with all links on the way; empty when there is none."""
        found: dict[str, FirmwareFile] = {}
        for name in self._match(wanted) if WILD.search(wanted) else [wanted]:
            found |= self._follow(name)
        return found

    def _match(self, pattern: str) -> list[str]:
        depth = pattern.count("/")
        return [name for name in self.entries if name.count("/") == depth and fnmatch.fnmatchcase(name, pattern)]

    def _follow(self, name: str) -> dict[str, FirmwareFile]:
        """Walk to a file, part by part, because a directory may be a link, too; nothing when the way ends nowhere."""
        chain: dict[str, FirmwareFile] = {}
        for _ in range(LINK_LIMIT):
            link = next((part for part in iterate_prefixes(name) if isinstance(self.entries.get(part), str)), None)
            if link is None:
                source = self.entries.get(name)
                place = f"{FIRMWARE}/{name}"
                return chain | {place: FirmwareFile(place, source)} if isinstance(source, Path) else {}
            target = str(self.entries[link])
            chain[f"{FIRMWARE}/{link}"] = FirmwareFile(f"{FIRMWARE}/{link}", link=target)
            name = posixpath.normpath(posixpath.join(posixpath.dirname(link), target) + name[len(link) :])
            if name.startswith(("/", "../")):
                return {}
        return {}


def iterate_prefixes(name: str) -> Iterable[str]:
    """`a/b/c` → `a`, `a/b`, `a/b/c`."""
    parts = name.split("/")
    return ("/".join(parts[: end + 1]) for end in range(len(parts)))


def read_tree(sets: Iterable[ModuleSet], trees: Mapping[str, Path]) -> FirmwareTree:
    """The firmware of the sets' packages; `trees` are unpacked packages by name."""
    chosen = list(sets)
    words = dict.fromkeys(word for item in chosen for word in item.firmware)
    there = [trees[word.partition(":")[0]] for word in words if ":" not in word or word.partition(":")[0] in trees]
    return FirmwareTree.read(there, {name: target for item in chosen for name, target in item.firmware_links.items()})


def find_firmware(
    modules: Iterable[ModuleInfo], sets: Sequence[ModuleSet], trees: Mapping[str, Path]
) -> tuple[FirmwareFile, ...]:
    """What these modules ask for, in order of name. Raises `ImageError` with every name that
    is in no package of the sets and that none of them says to be absent."""
    return pick_firmware(modules, sets, read_tree(sets, trees))


def pick_firmware(modules: Iterable[ModuleInfo], sets: Sequence[ModuleSet], tree: FirmwareTree) -> tuple[FirmwareFile, ...]:
    """The same, out of packages that are read already."""
    absent = [pattern for item in sets for pattern in item.absent]
    found: dict[str, FirmwareFile] = {}
    missing: list[str] = []
    for module in modules:
        for name in (*module.firmware, *(name for item in sets for name in item.extra_firmware.get(module.name, ()))):
            files = tree.find(name)
            if not files and not any(fnmatch.fnmatchcase(name, pattern) for pattern in absent):
                missing.append(f"{name} (wanted by {module.name})")
            found |= files
    if missing:
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise ImageError(
            f"firmware that no package of the chosen sets has: {', '.join(missing[:SHOWN])}{more}",
            "add the package to `firmware` of a set in image/sets, or the name to its `absent` with the reason",
        )
    return tuple(found[name] for name in sorted(found))


def lay_firmware(files: Iterable[FirmwareFile], root: Path, place: Callable[[Path, Path], None]) -> None:
    """Lay files and links into a tree; `place` puts a file there."""
    for file in files:
        target = root / file.name
        if file.source is not None:
            place(file.source, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(file.link)


def firmware_members(files: Iterable[FirmwareFile]) -> list[cpio.Member]:
    """The same files for an initramfs."""
    return [
        cpio.regular(file.name, file.source.read_bytes()) if file.source is not None else cpio.link(file.name, file.link)
        for file in files
    ]
