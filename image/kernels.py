"""The kernel of an image: found by what its meta package depends on, its packages joined into one tree.

Older suites have one package with the kernel, its modules and device trees, newer ones split it into image, base, binary and
modules, tied to each other by exact versions. Both kinds are followed by name, so a later split in another way is found, too.
Trap: what else a kernel depends on (makers of an initramfs) is for hosts and not taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from image.boards.board import Kernel
from image.cache import Cache, digest
from image.errors import ImageError
from image.packages import SUITE, Apt, Package, parse_dependencies
from image.run import run

IMAGE = "linux-image-"
PART = re.compile(r"linux-(?:image|base|binary|modules)-\d\S*")  # of one version; a meta package has none in its name


@dataclass(frozen=True)
class KernelPackages:
    """The packages that make one kernel; `version` is what `uname -r` says."""

    version: str
    packages: tuple[Package, ...]


def find_kernel(apt: Apt, kernel: Kernel) -> KernelPackages:
    """What a kernel is made of; raises `ImageError` when the lists do not fit together."""
    suffix = "" if kernel.suite == SUITE else f"/{kernel.suite}"
    meta = apt.resolve([f"{kernel.package}{suffix}"])[0]
    wanted, found = find_parts(meta), dict[str, Package]()
    versions = [name.removeprefix(IMAGE) for name in wanted if name.startswith(IMAGE)]
    if len(versions) != 1:
        raise ImageError(f"{kernel.package} depends on {len(versions)} kernels", "a board names a meta package of one")
    while missing := sorted(set(wanted) - set(found)):
        for package in apt.resolve([f"{name}{suffix}" for name in missing]):
            if wanted[package.name] not in ("", package.version):
                raise ImageError(f"{package.name}: {package.version} instead of {wanted[package.name]}", "try --refresh")
            found[package.name] = package
            wanted |= find_parts(package)
    return KernelPackages(versions[0], tuple(found[name] for name in sorted(found)))


def find_parts(package: Package) -> dict[str, str]:
    """The packages of the same kernel that one depends on → exact version, or ""."""
    return {name: version for name, version in parse_dependencies(package.depends) if PART.fullmatch(name)}


def join_trees(cache: Cache, trees: Iterable[Path]) -> Path:
    """One tree of all; a single one is taken as it is. They are entries of the cache, so their files are shared."""
    parts = sorted(trees)
    if len(parts) == 1:
        return parts[0]

    def make(directory: Path) -> None:
        for tree in parts:
            run(["cp", "-a", "--link", f"{tree}/.", directory])

    return cache.entry("kernel", digest("kernel", [tree.name for tree in parts])[:24], make)


def find_vmlinuz(tree: Path, version: str) -> Path:
    """The kernel image in a tree, wherever its packages put it."""
    return find_first(tree, (f"boot/vmlinuz-{version}", f"usr/lib/modules/{version}/vmlinuz"), "kernel image")


def find_device_trees(tree: Path, version: str) -> Path:
    """The directory of device trees, such as `broadcom/bcm2711-rpi-4-b.dtb`, in a tree."""
    return find_first(tree, (f"usr/lib/linux-image-{version}", f"usr/lib/modules/{version}/dtb"), "directory of device trees")


def find_first(tree: Path, names: Sequence[str], what: str) -> Path:
    """The first of these below `tree` that there is; raises `ImageError` with all of them when there is none."""
    places = [tree / name for name in names]
    for place in places:
        if place.exists():
            return place
    raise ImageError(f"the kernel's packages have no {what}: none of {', '.join(names)}", "choose another kernel package")
