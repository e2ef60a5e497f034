"""Programs of the image's own Debian release, run on the build host without installing them.

The interpreter that compiles the image's Python, mkfs.erofs and ukify decide bytes of the image, so they come from the
same suite as the image and not from the host. They run through their own dynamic loader, because the host's libc may be
older. Trap: a program that starts another one starts the host's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from image.arch import Arch, get_host_arch
from image.cache import Cache, digest
from image.packages import Apt, find_mirror
from image.run import run

TOOL_PACKAGES = (
    "python3.13-minimal",  # compiles all Python of the image
    "libpython3.13-stdlib",
    "erofs-utils",  # mkfs.erofs, with threads
    "systemd-ukify/forky",  # ukify.py; runs with the interpreter of the build
)


def fetch_tools(names: Sequence[str], cache: Cache | None = None, mirror: str | None = None) -> Path:
    """One tree with these packages (`NAME` or `NAME/SUITE`) and all they depend on, for the host's architecture.

    `mirror` as in `find_mirror`. The tree is cached and must not be changed. Raises `ImageError` when a package is missing.
    """
    place = cache or Cache.default()
    apt = Apt.make(place, get_host_arch().name, find_mirror(mirror))
    packages = apt.resolve(names, with_dependencies=True)

    def merge(directory: Path) -> None:
        trees = apt.fetch(packages)
        for name in sorted(trees):
            run(["cp", "-a", "--no-preserve=ownership", f"{trees[name]}/.", directory])

    return place.entry("tools", digest([package.sha256 for package in packages])[:24], merge)


def loader_argv(tree: Path, program: str) -> list[str]:
    """The start of an argv that runs `program` (a path below `tree`) with the tree's own loader and libraries."""
    arch = get_host_arch()
    libraries = ":".join(str(directory) for directory in find_library_directories(tree, arch))
    executable = str(tree / program)
    return [str(tree / arch.loader), "--argv0", executable, "--library-path", libraries, executable]


def find_library_directories(tree: Path, arch: Arch) -> list[Path]:
    """The multiarch directory and those directly below it that hold shared libraries."""
    top = tree / "usr/lib" / arch.triplet
    below = sorted(path for path in top.iterdir() if path.is_dir() and any(path.glob("lib*.so*")))
    return [top, *below]
