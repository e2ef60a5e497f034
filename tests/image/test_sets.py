"""Every module set on every kernel that boards have: its modules are there, each finds its firmware, and what it costs."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from image.boards import BOARDS
from image.boards.board import Kernel
from image.cache import Cache
from image.errors import ImageError
from image.firmware import FIRMWARE, find_firmware, read_tree
from image.formats.cpio import decode_archive
from image.kernels import find_kernel, join_trees
from image.kmod import Modules, read_modules
from image.microcode import make_microcode
from image.packages import Apt, find_mirror
from image.set_sizes import measure_sets
from image.sets import BASE, SETS, choose_sets, expand_modules, expand_set, list_set_packages

pytestmark = [pytest.mark.image, pytest.mark.timeout(1800)]
MB = 1e6
# Architecture, package, suite of every kernel; the cloud's has no drivers for real hardware.
ALL_KERNELS = sorted(
    {(arch, kernel.package, kernel.suite) for board in BOARDS.values() for arch, kernel in board.kernels.items()}
)
KERNELS = [kernel for kernel in ALL_KERNELS if "cloud" not in kernel[1]]
CLOUD = [kernel for kernel in ALL_KERNELS if kernel not in KERNELS]
FOR_CLOUD = ("base", "hypervisors")  # what the cloud's kernel, which has little, takes as well
IDS = ["-".join(kernel) for kernel in KERNELS]
NAMES = [name for name in SETS if name != BASE]
INTEL_HEADER = struct.Struct("<12I")  # Intel SDM volume 3, 11.11.1: version, revision, date, signature, …, total size at 8
AMD_MAGIC = b"DMA\0"  # drivers/…/microcode/amd.c: UCODE_MAGIC


@dataclass(frozen=True)
class Machine:
    """One kernel with the packages of all sets."""

    modules: Modules
    top: Path
    trees: dict[str, Path]

    def has(self, word: str) -> bool:
        plain = word.removeprefix("?")
        return bool(self.modules.list_below(plain)) if plain.endswith("/") else self.modules.has(plain)


@cache
def load(arch: str, package: str, suite: str) -> Machine:
    """Download what is not in the cache yet."""
    own = Cache.default()
    apt = Apt.make(own, arch, find_mirror(None))
    parts = find_kernel(apt, Kernel(package, suite))
    trees = apt.fetch(parts.packages)
    joined = join_trees(own, [trees[part.name] for part in parts.packages])
    top = joined / "usr/lib/modules" / parts.version
    firmware = apt.fetch(apt.resolve(list_set_packages(SETS.values(), arch, suite)))
    return Machine(read_modules(top, own, joined.name), top, firmware)


def test_the_sets_of_a_server_find_all_firmware(progress: Callable[[str], None]) -> None:
    machine = load("amd64", "linux-image-amd64", "trixie")
    sizes = measure_sets(choose_sets(BOARDS["metal"].sets), machine.modules, machine.top, machine.trees)
    for size in sizes:
        progress(
            f"{size.name:16} {size.modules:4} modules {size.module_bytes / MB:6.2f} MB,"
            f" {size.firmware:4} files of firmware {size.firmware_bytes / MB:6.2f} MB"
        )
    assert [size.name for size in sizes] == [BASE, *BOARDS["metal"].sets]
    assert sum(size.module_bytes + size.firmware_bytes for size in sizes) < 40 * MB


@pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
def test_every_set_finds_its_modules_and_their_firmware_by_itself(
    kernel: tuple[str, str, str], progress: Callable[[str], None]
) -> None:
    machine = load(*kernel)
    problems = []
    for name in NAMES:
        try:
            _, size = measure_sets((SETS[BASE], SETS[name]), machine.modules, machine.top, machine.trees)
        except ImageError as error:
            problems.append(f"{name}: {error.message}")
            continue
        progress(
            f"{machine.modules.version:24} {name:18} modules {size.module_bytes / MB:6.2f} MB, firmware"
            f" {size.firmware_bytes / MB:6.2f} MB"
        )
    assert not problems


@pytest.mark.parametrize("kernel", CLOUD, ids=["-".join(kernel) for kernel in CLOUD])
def test_the_kernel_of_clouds_takes_what_is_for_it_and_refuses_the_rest_by_name(kernel: tuple[str, str, str]) -> None:
    machine = load(*kernel)
    assert measure_sets([SETS[name] for name in FOR_CLOUD], machine.modules, machine.top, machine.trees)
    with pytest.raises(ImageError, match=r"set network-1g: the kernel .*cloud.* has no module"):
        expand_set(SETS["network-1g"], machine.modules)


def test_all_sets_go_together() -> None:
    for kernel in KERNELS:
        machine = load(*kernel)
        chosen = machine.modules.closure(expand_modules(SETS.values(), machine.modules))
        assert find_firmware(chosen, list(SETS.values()), machine.trees)


@pytest.mark.parametrize("name", ["network-1g", "network-10g", "gpu-amd"])
def test_a_missing_file_ends_the_build(name: str, tmp_path: Path) -> None:
    machine = load("amd64", "linux-image-amd64", "trixie")
    chosen = machine.modules.closure(expand_set(SETS[name], machine.modules))
    files = [file for file in find_firmware(chosen, [SETS[name]], machine.trees) if file.source is not None]
    gone = files[len(files) // 2].name
    trees = {}
    for package in SETS[name].firmware:
        shutil.copytree(machine.trees[package] / FIRMWARE, tmp_path / package / FIRMWARE, symlinks=True)
        trees[package] = tmp_path / package
        (tmp_path / package / gone).unlink(missing_ok=True)
    with pytest.raises(ImageError, match=r"that no package of the chosen sets has: \S+ \(wanted by \w+\)"):
        find_firmware(chosen, [SETS[name]], trees)


def test_nothing_in_a_set_is_there_for_no_kernel() -> None:
    machines = [load(*kernel) for kernel in KERNELS]
    stale = []
    for item in SETS.values():
        for word in (*item.modules, *item.stage1):
            there = [machine.has(word) for machine in machines]
            if not any(there) or (word.startswith("?") and all(there) and item.name not in FOR_CLOUD):
                stale.append(f"{item.name}: {word} is in {sum(there)} of {len(there)} kernels")
        wanted = {name for machine in machines for name in find_missing(item.name, machine)}
        stale += [
            f"{item.name}: nothing of {pattern} is missing"
            for pattern in item.absent
            if not any(Path(name).match(pattern) for name in wanted)
        ]
        stale += [
            f"{item.name}: nothing is taken from {word}" for word in item.firmware if not is_used(item.name, word, machines)
        ]
    assert not stale


def find_missing(name: str, machine: Machine) -> set[str]:
    """The names that a set's modules ask for and that no package has."""
    tree = read_tree([SETS[name]], machine.trees)
    modules = machine.modules.closure(expand_set(SETS[name], machine.modules))
    return {wanted for module in modules for wanted in module.firmware if not tree.find(wanted)}


def is_used(name: str, word: str, machines: list[Machine]) -> bool:
    """Whether a set takes a file from a package for any kernel."""
    package = word.partition(":")[0]
    for machine in machines:
        if package not in machine.trees:
            continue
        modules = machine.modules.closure(expand_set(SETS[name], machine.modules))
        files = find_firmware(modules, [SETS[name]], machine.trees)
        if any(file.source and file.source.is_relative_to(machine.trees[package]) for file in files):
            return True
    return False


def test_the_microcode_is_what_processors_take() -> None:
    machine = load("amd64", "linux-image-amd64", "trixie")
    files = {member.name: member.data for member in decode_archive(make_microcode([SETS["microcode"]], machine.trees, "amd64"))}
    intel, amd = files["kernel/x86/microcode/GenuineIntel.bin"], files["kernel/x86/microcode/AuthenticAMD.bin"]
    offset = updates = 0
    while offset < len(intel):
        header = INTEL_HEADER.unpack_from(intel, offset)
        assert header[0] == 1
        offset += header[8] or 2048  # none is said in the oldest
        updates += 1
    assert offset == len(intel)
    assert updates > 90
    assert amd.startswith(AMD_MAGIC)
