"""What each set costs: bytes of its modules and of their firmware in the root image, before compression."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from image.firmware import pick_firmware, read_tree
from image.kmod import ModuleInfo, Modules
from image.sets import expand_set
from image.sets.moduleset import ModuleSet


@dataclass(frozen=True)
class SetSize:
    """One set's share. What several sets bring counts with the first of them, so that the shares add up."""

    name: str
    modules: int
    module_bytes: int
    firmware: int  # files
    firmware_bytes: int

    def describe(self) -> dict[str, str | int]:
        """The same for the manifest."""
        return {
            "name": self.name,
            "modules": self.modules,
            "module_bytes": self.module_bytes,
            "firmware": self.firmware,
            "firmware_bytes": self.firmware_bytes,
        }


def measure_sets(sets: Sequence[ModuleSet], modules: Modules, top: Path, trees: Mapping[str, Path]) -> tuple[SetSize, ...]:
    """The shares of `sets`, in their order; `top` is the kernel's /usr/lib/modules/VERSION, `trees` are the packages."""
    counted: set[str] = set()
    sizes = []
    tree = read_tree(sets, trees)
    for item in sets:
        brought = modules.closure(expand_set(item, modules))
        new = [module for module in brought if module.path not in counted]
        files = [file for file in pick_firmware(brought, sets, tree) if file.name not in counted]
        counted |= {module.path for module in new} | {file.name for file in files}
        sizes.append(SetSize(item.name, len(new), count_bytes(new, top), len(files), sum(file.bytes for file in files)))
    return tuple(sizes)


def count_bytes(modules: Iterable[ModuleInfo], top: Path) -> int:
    """The size of the module files, as the package has them."""
    return sum((top / module.path).stat().st_size for module in modules)
