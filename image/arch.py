"""What differs between the processor architectures, in one table."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from image.errors import ImageError


@dataclass(frozen=True)
class Arch:
    """One architecture under the names that Debian, Go, pip, UEFI and the partition table give it."""

    name: str  # Debian's and Go's
    machine: str  # uname -m
    triplet: str  # Debian's multiarch directory
    loader: str  # the dynamic loader, below the root
    wheel_platforms: tuple[str, ...]
    efi: str  # suffix in EFI file names
    elf_machine: int  # e_machine, elf.h
    hash_modules: tuple[str, ...]  # quicker SHA-256 for the verified root; newer kernels have it built in
    root_type: str  # GPT type GUID of a root partition, Discoverable Partitions Specification
    bios_loader: str = ""  # the package of the boot loader for a BIOS, where such machines exist


AMD64 = Arch(
    name="amd64",
    machine="x86_64",
    triplet="x86_64-linux-gnu",
    loader="usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    wheel_platforms=("manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    efi="x64",
    elf_machine=62,
    hash_modules=("?sha256_ssse3",),
    root_type="4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
    bios_loader="grub-pc-bin",
)
ARM64 = Arch(
    name="arm64",
    machine="aarch64",
    triplet="aarch64-linux-gnu",
    loader="usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1",
    wheel_platforms=("manylinux_2_34_aarch64", "manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    efi="aa64",
    elf_machine=183,
    hash_modules=("?sha256_arm64", "?sha2_ce"),
    root_type="B921B045-1DF0-41C3-AF44-4C6F280D3FAE",
)
ARCHES = {arch.name: arch for arch in (AMD64, ARM64)}


def get_arch(name: str) -> Arch:
    """The architecture of that Debian name; raises `ImageError` for one that is not supported."""
    if name not in ARCHES:
        raise ImageError(f"architecture {name!r} is not supported", f"one of: {', '.join(ARCHES)}")
    return ARCHES[name]


def get_host_arch() -> Arch:
    """The architecture of this machine."""
    for arch in ARCHES.values():
        if arch.machine == platform.machine():
            return arch
    raise ImageError(f"images cannot be built on {platform.machine()}", "use an x86-64 or arm64 host")
