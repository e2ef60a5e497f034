"""Kernel modules: which files a module needs, in which order they load.

Kernel packages carry no modules.dep, and a node has no modprobe: the order is computed here from what every module says
about itself in its .modinfo section (`depends=`, `softdep=`, `alias=`; linux/module.h, modprobe.d(5) for softdep).
Trap: a soft dependency may name an alias ("pre: crc32c") that another module provides; without it the load fails.
"""

from __future__ import annotations

import json
import lzma
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from image.cache import Cache, digest
from image.errors import ImageError
from image.formats.elf import parse_elf

# Never wanted on a node; skipped to save time. Of media only what graphics drivers depend on is read.
NOT_LOADED = re.compile(r"^kernel/(drivers/media/(?!cec/|rc/rc-core)|drivers/staging/|sound/)")


@dataclass(frozen=True)
class ModuleInfo:
    """What one module file says about itself; `path` is below /usr/lib/modules/VERSION."""

    name: str
    path: str
    depends: tuple[str, ...]
    soft_before: tuple[str, ...]
    soft_after: tuple[str, ...]
    aliases: tuple[str, ...]
    firmware: tuple[str, ...] = ()  # names or patterns below /lib/firmware that it may ask for (MODULE_FIRMWARE)


def canonical(name: str) -> str:
    """The kernel's spelling of a module name."""
    return name.replace("-", "_")


def parse_modinfo(section: bytes, path: str) -> ModuleInfo:
    """Parse a .modinfo section: NUL-separated `key=value`."""
    values: dict[str, list[str]] = {}
    for item in section.split(b"\0"):
        key, separator, value = item.decode(errors="replace").partition("=")
        if separator:
            values.setdefault(key, []).append(value)
    before, after = parse_softdep(" ".join(values.get("softdep", [])))
    depends = [canonical(name) for value in values.get("depends", []) for name in value.split(",") if name]
    stem = Path(path).name.partition(".ko")[0]
    aliases, firmware = (tuple(sorted(set(values.get(key, [])))) for key in ("alias", "firmware"))
    return ModuleInfo(canonical(stem), path, tuple(depends), before, after, aliases, firmware)


def parse_softdep(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`pre: a b post: c` → names to load before, names to load after."""
    lists: dict[str, list[str]] = {"pre:": [], "post:": []}
    current: list[str] = []
    for word in text.split():
        if word in lists:
            current = lists[word]
        else:
            current.append(canonical(word))
    return tuple(lists["pre:"]), tuple(lists["post:"])


def read_module(path: Path, name: str) -> ModuleInfo:
    """Read one module file, compressed by xz or not."""
    data = path.read_bytes()
    if path.suffix == ".xz":
        data = lzma.decompress(data)
    return parse_modinfo(parse_elf(data).section(".modinfo"), name)


@dataclass(frozen=True)
class Modules:
    """All modules of one kernel."""

    version: str
    found: Mapping[str, ModuleInfo]
    builtin: frozenset[str]
    providers: Mapping[str, str]  # alias → module

    def closure(self, wanted: Iterable[str]) -> list[ModuleInfo]:
        """The modules to load for `wanted`, dependencies first, each once.

        Raises `ImageError` for an unknown name, unless it begins with `?`.
        """
        order: dict[str, ModuleInfo] = {}
        for word in wanted:
            name = word.removeprefix("?")
            if self._find(name) is None:
                if word != name:
                    continue
                raise ImageError(f"the kernel {self.version} has no module {name}", "correct the board's list of modules")
            self._visit(name, order, ())
        return list(order.values())

    def has(self, name: str) -> bool:
        """Whether the kernel has a module of this name or alias, built in or not."""
        return self._find(name) is not None

    def list_below(self, directory: str) -> list[str]:
        """The names of the modules below a directory of the kernel's source tree, such as `drivers/hwmon/`."""
        return sorted(module.name for module in self.found.values() if module.path.startswith(f"kernel/{directory}"))

    def _find(self, name: str) -> str | None:
        """The module that `name` (or an alias) stands for; the name itself when it is built in; None when unknown."""
        plain = canonical(name)
        if plain in self.found or plain in self.builtin:
            return plain
        return self.providers.get(name) or self.providers.get(plain)

    def _visit(self, name: str, order: dict[str, ModuleInfo], path: tuple[str, ...]) -> None:
        real = self._find(name)
        if real is None or real in order or real in path or real not in self.found:
            return  # an unknown soft dependency, done, a cycle of soft dependencies, or built in
        module = self.found[real]
        for needed in module.depends:
            if self._find(needed) is None:
                raise ImageError(f"the kernel {self.version} has no module {needed}, which {real} needs", "see image/kmod.py")
        for needed in (*module.depends, *module.soft_before):
            self._visit(needed, order, (*path, real))
        order[real] = module
        for later in module.soft_after:
            self._visit(later, order, (*path, real))


def read_modules(directory: Path, cache: Cache, key: str) -> Modules:
    """Read every module below `directory` (/usr/lib/modules/VERSION of a package); `key` names the package's content."""

    def scan(target: Path) -> None:
        files = sorted(path for path in directory.rglob("*.ko*"))
        pairs = [(path, path.relative_to(directory).as_posix()) for path in files]
        wanted = [pair for pair in pairs if not NOT_LOADED.match(pair[1])]
        with ProcessPoolExecutor() as pool:
            rows = list(pool.map(read_module, *zip(*wanted, strict=True), chunksize=32))
        (target / "modules.json").write_text(json.dumps([asdict(row) for row in rows]))

    entry = cache.entry("modinfo", digest(key, NOT_LOADED.pattern, [item.name for item in fields(ModuleInfo)])[:24], scan)
    rows = json.loads((entry / "modules.json").read_text())
    found = {row["name"]: restore(row) for row in rows}
    builtin = frozenset(
        canonical(Path(line).name.removesuffix(".ko")) for line in (directory / "modules.builtin").read_text().split()
    )
    providers = choose_providers(found.values()) | parse_builtin_aliases((directory / "modules.builtin.modinfo").read_bytes())
    return Modules(directory.name, found, builtin, providers)


def restore(row: dict[str, Any]) -> ModuleInfo:
    """A module from its JSON form."""
    lists = {key: tuple(row[key]) for key in ("depends", "soft_before", "soft_after", "aliases", "firmware")}
    return ModuleInfo(name=row["name"], path=row["path"], **lists)


def parse_builtin_aliases(data: bytes) -> dict[str, str]:
    """alias → built-in module, from modules.builtin.modinfo: NUL-separated `module.key=value`."""
    pairs = re.findall(rb"([^\0.=]+)\.alias=([^\0]*)", data)
    return {alias.decode(errors="replace"): canonical(name.decode(errors="replace")) for name, alias in pairs}


def choose_providers(modules: Iterable[ModuleInfo]) -> dict[str, str]:
    """alias → module; of several the generic one, because one for special processors may find nothing to drive."""
    providers: dict[str, str] = {}
    for module in sorted(modules, key=lambda module: (not module.name.endswith("_generic"), module.name)):
        for alias in module.aliases:
            providers.setdefault(alias, module.name)
    return providers


def find_others(modules: Iterable[ModuleInfo], providers: Mapping[str, str]) -> dict[str, list[str]]:
    """alias of a device → the modules that have it besides its provider: a device may need all of them, and one that does not
    fit does no harm. What has no colon is a name for programs and for other modules, of which one is enough."""
    others: dict[str, list[str]] = {}
    for module in sorted(modules, key=lambda module: module.name):
        for alias in module.aliases:
            if ":" in alias and providers[alias] != module.name:
                others.setdefault(alias, []).append(module.name)
    return others


def render_index(modules: Modules, included: Iterable[ModuleInfo], prefix: str) -> str:
    """`modules.json` for the node: load order per module, and aliases. A built-in module has nothing to load.

    `prefix` is the directory of the module files on the node. `also` has further modules of an alias that several have.
    """
    chosen = list(included)
    order: dict[str, list[str]] = {name: [] for name in modules.builtin}
    for module in chosen:
        order[module.name] = [f"{prefix}/{item.path}" for item in modules.closure([module.name])]
    providers = choose_providers(chosen)
    index: dict[str, Any] = {"order": order, "aliases": providers, "also": find_others(chosen, providers)}
    return json.dumps(index, sort_keys=True, separators=(",", ":"))
