"""Kernel modules through finit_module(2), without kmod: the build has computed the order (modules.json).

`{"order": {module: [paths, in load order]}, "aliases": {alias: module}}`. Names are taken with - or _. A module that is loaded
already, or finds no device, is no error; the compressed files of the distribution are loaded as they are.
"""

import errno
import json
import os
from collections.abc import Iterable
from typing import NamedTuple

from init.linux.syscalls import FINIT_MODULE, call, syscall_number

INDEX_PATH = "/usr/lib/ophite/modules.json"
INDEX_LIMIT = 8 << 20  # bytes
MODULE_INIT_COMPRESSED_FILE = 4  # linux/module.h


class ModuleIndex(NamedTuple):
    """The build's answer to "which files, in which order, for this module or alias"."""

    order: dict[str, list[str]]
    aliases: dict[str, str]

    def find_files(self, name: str) -> list[str] | None:
        """The files to load for a module or an alias; None for an unknown one."""
        for candidate in (name, name.replace("-", "_"), name.replace("_", "-"), self.aliases.get(name)):
            if candidate in self.order:
                return self.order[candidate]
        return None


def parse_index(text: str) -> ModuleIndex:
    """Decode modules.json; ValueError says what is wrong with it."""
    data = json.loads(text)
    if not isinstance(data, dict) or not isinstance(data.get("order"), dict) or not isinstance(data.get("aliases", {}), dict):
        raise ValueError("the module index needs objects 'order' and 'aliases'")
    return ModuleIndex(data["order"], data.get("aliases", {}))


def read_index(path: str = INDEX_PATH) -> ModuleIndex:
    """The index of this image; OSError or ValueError when it is missing or broken."""
    with open(path, encoding="utf-8") as file:
        return parse_index(file.read(INDEX_LIMIT))


def load_file(path: str, parameters: str = "") -> None:
    """Insert one module file, compressed or not; OSError with the path unless the outcome is harmless."""
    flags = MODULE_INIT_COMPRESSED_FILE if path.endswith((".xz", ".zst", ".gz")) else 0
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        call("syscall", syscall_number(FINIT_MODULE), file, parameters.encode(), flags, what=f"finit_module {path}")
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENODEV):
            raise
    finally:
        os.close(file)


def load_files(paths: Iterable[str]) -> list[str]:
    """Load files in order, go on after errors, return the errors as texts."""
    problems = []
    for path in paths:
        try:
            load_file(path)
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
    return problems


def load_modules(names: Iterable[str], index_path: str = INDEX_PATH) -> list[str]:
    """Load modules by name or alias with what they need; returns the problems as texts, empty when all are there."""
    try:
        index = read_index(index_path)
    except (OSError, ValueError) as error:
        return [f"module index {index_path}: {error}"]
    problems = []
    for name in names:
        files = index.find_files(name)
        problems += [f"module {name} is not in this image"] if files is None else load_files(files)
    return problems
