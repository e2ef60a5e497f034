"""Finds a QEMU that works: the host's if it is new enough, else Debian trixie's, unpacked beside the build cache.

Trap: QEMU before 10 crashes Go programs and kernels when it emulates the processor (its TCG translates `cmpxchg16b`
wrongly), so an old one on the host is never used. The firmware for UEFI always comes from the packages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from image.arch import Arch, get_arch
from image.errors import ImageError
from image.run import find_program, run
from image.tools import fetch_tools, loader_argv

MINIMUM_VERSION = 10  # major version
PACKAGES = {"amd64": "qemu-system-x86", "arm64": "qemu-system-arm"}
FIRMWARE_PACKAGES = {"amd64": "ovmf", "arm64": "qemu-efi-aarch64"}
FIRMWARE = {
    "amd64": ("usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_VARS_4M.fd"),
    "arm64": ("usr/share/AAVMF/AAVMF_CODE.no-secboot.fd", "usr/share/AAVMF/AAVMF_VARS.fd"),
}


@dataclass(frozen=True)
class Qemu:
    """How to run the emulator for one architecture, and the UEFI firmware that it boots (code, and empty variables)."""

    argv: tuple[str, ...]
    version: str
    firmware_code: Path
    firmware_variables: Path


def parse_version(text: str) -> tuple[int, ...]:
    """The version in the first line of `qemu-system-* --version`, or `()`."""
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if found else ()


def find_host_qemu(arch: Arch) -> tuple[str, str] | None:
    """Path and version of the host's emulator when it is new enough, else None."""
    path = find_program(f"qemu-system-{arch.machine}")
    if path is None:
        return None
    version = parse_version(run([path, "--version"], timeout=30).decode())
    if not version or version[0] < MINIMUM_VERSION:
        return None
    return path, ".".join(map(str, version))


def get_qemu(arch_name: str) -> Qemu:
    """The emulator for that architecture, downloaded when needed; raises `ImageError` when there is none."""
    arch = get_arch(arch_name)
    host = find_host_qemu(arch)
    if host is not None:
        tree = fetch_tools([FIRMWARE_PACKAGES[arch_name]])
        argv: tuple[str, ...] = (host[0],)
        version = host[1]
    else:
        tree = fetch_tools([PACKAGES[arch_name], "seabios", FIRMWARE_PACKAGES[arch_name]])
        program = loader_argv(tree, f"usr/bin/qemu-system-{arch.machine}")
        version = ".".join(map(str, parse_version(run([*program, "--version"], timeout=60).decode())))
        argv = (*program, "-L", str(tree / "usr/share/qemu"), "-L", str(tree / "usr/share/seabios"))
    code, variables = (tree / name for name in FIRMWARE[arch_name])
    for path in (code, variables):
        if not path.exists():
            raise ImageError(f"{path.name}: not in the package {FIRMWARE_PACKAGES[arch_name]}", "try --refresh")
    return Qemu(argv, version, code, variables)
