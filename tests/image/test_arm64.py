"""Images for arm64, made on any host: every file is for that processor, Python works, the same twice.

What is asked of the processor is asked of QEMU's user mode, with the image's own loader and libraries. One board is always
looked at, the others when asked for (`OPHITE_SOAK=1`), because each is built twice.
"""

from __future__ import annotations

import lzma
import re
import signal
import struct
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from image.arch import ARM64, get_host_arch
from image.boards import BOARDS
from image.boards.board import RaspberryPi
from image.cache import digest_file
from image.formats.cpio import decode_archive
from image.formats.elf import is_elf, read_machine
from image.kubernetes import NODE_BINARIES, find_binaries
from image.media import ISO_TOOLS
from image.rootfs import iterate_elf
from image.run import get_program, run
from image.tools import fetch_tools, loader_argv

if TYPE_CHECKING:
    from conftest import Built  # type: ignore[import-not-found]  # pytest's own, found when it runs

    from image.context import ImageResult

pytestmark = [pytest.mark.image, pytest.mark.timeout(3600)]
ALWAYS = "raspberry-pi-4"
BOARDS_BUILT = [name for name, board in BOARDS.items() if "arm64" in board.kernels]
NAMES = [pytest.param(name, marks=[] if name == ALWAYS else [pytest.mark.soak]) for name in BOARDS_BUILT]
UEFI = [pytest.param(name, marks=pytest.mark.soak) for name in BOARDS_BUILT if not isinstance(BOARDS[name].boot, RaspberryPi)]
HEADER_SIZE = 64  # of an ELF file
PE_ARM64 = 0xAA64  # Microsoft PE format, IMAGE_FILE_MACHINE_ARM64
MADE_OF_NOTHING_OF_A_BOARD = ("stdlib", "site-packages", "code", "preload", "modinfo")
IMPORTS = ("init.__main__", "controllers.all", "api.server.__main__", "ssl", "sqlite3", "ctypes")


def emulate(root: Path, *words: str | Path) -> str:
    """Run a program of the root image."""
    libraries = root / "usr/lib" / ARM64.triplet
    return run([*get_emulator(), root / ARM64.loader, "--library-path", libraries, *words], timeout=300).decode()


def get_emulator() -> list[Path]:
    """The start of an argv that runs a program of the processor; Debian's is static."""
    return [] if get_host_arch() == ARM64 else [fetch_tools(("qemu-user",)) / "usr/bin/qemu-aarch64"]


@pytest.mark.parametrize("name", NAMES)
def test_every_program_library_and_module_is_for_the_processor(arm64: Callable[[str], Built], name: str) -> None:
    built = arm64(name)
    files = list(iterate_elf(built.root))
    machines = {path.relative_to(built.root): read_machine(path.read_bytes()[:HEADER_SIZE]) for path in files}
    assert {path for path, machine in machines.items() if machine != ARM64.elf_machine} == set()
    assert {"usr/bin/python3.13", "usr/bin/containerd", "usr/bin/kubelet"} <= {path.as_posix() for path in machines}
    modules = list((built.root / "usr/lib/modules").rglob("*.ko.xz"))
    assert len(modules) > 50
    for path in modules:
        header = lzma.LZMADecompressor().decompress(path.read_bytes(), HEADER_SIZE)
        assert read_machine(header) == ARM64.elf_machine, path


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_called_as_another_processors(arm64: Callable[[str], Built], name: str) -> None:
    names = [path.relative_to(arm64(name).root).as_posix() for path in arm64(name).root.rglob("*")]
    assert [path for path in names if re.search(r"x86.64|amd64|i386", path) and "/firmware/" not in path] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_initramfs_holds_the_roots_files_for_the_processor(arm64: Callable[[str], Built], name: str) -> None:
    built = arm64(name)
    place = next(path for path in (built.output / "initramfs.zst", built.output / "boot/initramfs.zst") if path.exists())
    members = {
        member.name: member
        for member in decode_archive(run([get_program("zstd"), "--decompress", "--stdout", "--quiet", place]))
    }
    programs = [member for member in members.values() if is_elf(member.data)]
    assert {read_machine(member.data[:HEADER_SIZE]) for member in programs} == {ARM64.elf_machine}
    for path in ("usr/bin/python3.13", ARM64.loader, f"usr/lib/{ARM64.triplet}/libc.so.6"):
        assert members[path].data == (built.root / path).read_bytes()
    assert any(path.endswith("/erofs.ko.xz") for path in members)


@pytest.mark.parametrize("module", IMPORTS)
def test_the_nodes_python_imports_our_code(arm64: Callable[[str], Built], module: str) -> None:
    root = arm64(ALWAYS).root
    lib = root / "usr/lib"
    paths = [str(lib / name) for name in ("python3.13", "python3.13/lib-dynload", "ophite", "ophite/site-packages")]
    script = f"import sys; sys.path[:] = {paths}; import {module}; print(sys.implementation._multiarch)"
    assert emulate(root, root / "usr/bin/python3.13", "-I", "-S", "-B", "-c", script).split() == [ARM64.triplet]


@pytest.mark.parametrize("program", ["containerd", "runc", "etcd"])
def test_programs_start(arm64: Callable[[str], Built], program: str) -> None:
    root = arm64(ALWAYS).root
    assert program in emulate(root, root / "usr/bin" / program, "--version")


def test_pause_ends_when_told(arm64: Callable[[str], Built], tmp_path: Path) -> None:
    path = tmp_path / "pause"
    path.write_bytes((arm64(ALWAYS).root / "usr/bin/kubelet").read_bytes())  # the stand-in for Kubernetes is pause
    path.chmod(0o755)
    process = subprocess.Popen([*get_emulator(), path])
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


@pytest.mark.parametrize("name", UEFI)
def test_uefi_starts_it(arm64: Callable[[str], Built], name: str) -> None:
    built = arm64(name)
    image = (built.output / "ophite.efi").read_bytes()
    (header,) = struct.unpack_from("<I", image, 0x3C)
    assert struct.unpack_from("<4sH", image, header) == (b"PE\0\0", PE_ARM64)
    assert (built.output / "cmdline").read_text().strip().encode() in image
    printed = run([get_program("sfdisk"), "--dump", built.output / "disk.img"]).decode()
    assert re.findall(r'name="ROOT-[AB]"|name="ESP"', printed) == ['name="ESP"', 'name="ROOT-A"', 'name="ROOT-B"']
    assert printed.count(ARM64.root_type) == 2
    with tarfile.open(built.output / "ophite.bundle") as archive:
        assert [member for member in archive.getnames() if "grub" in member] == []


@pytest.mark.parametrize("name", UEFI)
def test_the_iso_starts_on_uefi_only(arm64: Callable[[str], Built], name: str) -> None:
    program = loader_argv(fetch_tools(ISO_TOOLS), "usr/bin/xorriso")
    words = ["-indev", arm64(name).output / "ophite.iso", "-report_el_torito", "plain", "-find", "/ophite", "-name", "*.efi"]
    report = run([*program, *words], timeout=300).decode()
    assert "El Torito boot img :   1  UEFI  y" in report
    assert "BIOS" not in report
    assert "'/ophite/ophite.efi'" in report


@pytest.mark.parametrize("name", NAMES)
def test_built_twice_it_is_the_same(
    arm64: Callable[[str], Built], build: Callable[..., ImageResult], name: str, tmp_path: Path
) -> None:
    built = arm64(name)
    stubs = tmp_path / "kubernetes"
    stubs.mkdir()
    for program in NODE_BINARIES:
        (stubs / program).write_bytes((built.root / "usr/bin" / program).read_bytes())
    (stubs / "version").write_text(built.manifest["kubernetes"])
    kept = () if name == "metal" else MADE_OF_NOTHING_OF_A_BOARD
    forms = tuple(form for form, file in (("raw", "disk.img"), ("iso", "ophite.iso")) if (built.output / file).exists())
    again = build(empty_cache=True, kept=kept, board=name, arch="arm64", formats=forms, kubernetes=str(stubs)).output
    assert list_hashes(again) == list_hashes(built.output)


def list_hashes(top: Path) -> dict[str, str]:
    return {path.relative_to(top).as_posix(): digest_file(path) for path in sorted(top.rglob("*")) if path.is_file()}


@pytest.mark.soak
def test_kubernetes_is_compiled_for_the_processor() -> None:
    made = find_binaries(arch="arm64")
    for program in NODE_BINARIES:
        path = made.directory / program
        with path.open("rb") as file:
            assert read_machine(file.read(HEADER_SIZE)) == ARM64.elf_machine
    for program in ("kubelet", "kube-proxy"):
        said = run([*get_emulator(), made.directory / program, "--version"], timeout=300).decode()
        assert made.version in said
