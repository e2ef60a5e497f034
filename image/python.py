"""The node's Python: standard library, wheels and our own packages, all as sourceless byte code.

The image's own interpreter compiles them on the build host, so that the byte code is the one it reads.
"""

from __future__ import annotations

import fnmatch
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from image.cache import Cache, digest
from image.errors import CommandError, ImageError
from image.rootlist import EXTENSIONS_DROPPED, STDLIB_DROPPED
from image.run import run
from image.tools import loader_argv
from image.wheels import unpack_wheel

INTERPRETER = "usr/bin/python3.13"
COMPILER = Path(__file__).with_name("compile_sources.py")
STDLIB_DIRECTORY = "usr/lib/python3.13"
CODE_DIRECTORY = "usr/lib/ophite"
PROJECT = Path(__file__).parent.parent
OWN_PACKAGES = ("init", "controllers", "api")
OWN_DROPPED = ("api/cli", "api/client", "api/proto")  # the laptop's side
DATA_SUFFIXES = (".yaml", ".json", ".txt")  # files of our packages that they read at run time
CARRIED_SUFFIXES = (".so", *DATA_SUFFIXES)  # what is no source but used; and METADATA, where packages look their version up
WHEEL_DROPPED = ("test", "tests", "testing", "docs", "examples")  # directories
COMPILE_TIMEOUT = 900.0  # seconds


def compile_tree(tools: Path, source: Path, target: Path, prefix: str) -> None:
    """Compile every source below `source` into `target`. Raises `ImageError` naming those that do not compile."""
    argv: list[str | Path] = [*loader_argv(tools, INTERPRETER), "-s", "-S", "-B", COMPILER, source, target, prefix]
    environment = {"PYTHONHASHSEED": "0", "PYTHONPATH": "", "PYTHONHOME": "", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        run(argv, env=environment, timeout=COMPILE_TIMEOUT)
    except CommandError as error:
        raise ImageError(f"Python sources do not compile\n{error.message}", "correct them, then build again") from error


def make_stdlib(cache: Cache, tools: Path, packages: Iterable[Path]) -> Path:
    """The standard library as it is in the root: `.pyc` and extension modules. `packages` are the unpacked packages."""
    trees = tuple(packages)

    def make(directory: Path) -> None:
        source = directory / "source"
        for tree in trees:
            shutil.copytree(tree / STDLIB_DIRECTORY, source, dirs_exist_ok=True, ignore=ignore_stdlib(tree / STDLIB_DIRECTORY))
        compile_and_drop(tools, source, directory, f"/{STDLIB_DIRECTORY}")

    key = digest("stdlib", tools.name, [tree.name for tree in trees], COMPILER, Path(__file__), list(STDLIB_DROPPED))
    return cache.entry("stdlib", key[:24], make)


def ignore_stdlib(top: Path) -> Callable[[str, list[str]], set[str]]:
    """The filter for `shutil.copytree`: what a node never imports."""

    def ignore(directory: str, names: list[str]) -> set[str]:
        if Path(directory) == top:
            return {name for name in names if name in STDLIB_DROPPED}
        if Path(directory).name == "lib-dynload":
            return {name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in EXTENSIONS_DROPPED)}
        return {name for name in names if name in WHEEL_DROPPED and "unittest" not in directory}

    return ignore


def make_site_packages(cache: Cache, tools: Path, wheels: Path) -> Path:
    """The wheels, unpacked and compiled, without tests and headers."""

    def make(directory: Path) -> None:
        source = directory / "source"
        for wheel in sorted(wheels.glob("*.whl")):
            unpack_wheel(wheel, source)
        for path in sorted(source.rglob("*"), reverse=True):
            if path.is_dir() and (path.name in WHEEL_DROPPED or path.suffix == ".data"):
                shutil.rmtree(path)
        compile_and_drop(tools, source, directory, f"/{CODE_DIRECTORY}/site-packages")

    key = digest("site-packages", tools.name, wheels.name, COMPILER, Path(__file__))
    return cache.entry("site-packages", key[:24], make)


def make_code(cache: Cache, tools: Path) -> Path:
    """Our packages that run on a node, compiled; data files that they read lie beside."""
    sources = sorted(path for name in OWN_PACKAGES for path in find_sources(PROJECT / name))
    names = [path.relative_to(PROJECT).as_posix() for path in sources]

    def make(directory: Path) -> None:
        for path, name in zip(sources, names, strict=True):
            place = directory / "source" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
        compile_and_drop(tools, directory / "source", directory, f"/{CODE_DIRECTORY}")

    key = digest("code", tools.name, names, sources, COMPILER, Path(__file__))
    return cache.entry("code", key[:24], make)


def find_sources(top: Path) -> list[Path]:
    """The sources and data files of one of our packages that a node needs."""
    dropped = [PROJECT / name for name in OWN_DROPPED]
    return [
        path
        for path in top.rglob("*")
        if path.is_file()
        and (path.suffix == ".py" or path.suffix in DATA_SUFFIXES)
        and not any(path.is_relative_to(place) for place in dropped)
    ]


def compile_and_drop(tools: Path, source: Path, target: Path, prefix: str) -> None:
    """Compile `source` (below `target`) into `target`, move what is no source but needed, and remove `source`."""
    compile_tree(tools, source, target, prefix)
    for path in sorted(source.rglob("*")):
        if path.is_file() and (path.suffix in CARRIED_SUFFIXES or path.name == "METADATA") and "LICENSE" not in path.name:
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            path.rename(place)
    shutil.rmtree(source)
