"""Microcode of the processor: an archive that the kernel reads before anything else (Documentation/arch/x86/microcode.rst).

It must be the first thing of the initramfs and not compressed; what follows it may be. All processors' microcode is in it,
because an image does not know where it will run; the kernel takes what fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from image.errors import ImageError
from image.firmware import FIRMWARE
from image.formats import cpio
from image.sets import select_packages
from image.sets.moduleset import ModuleSet

# Name in the archive → files of the packages that are joined to it.
PARTS = {
    "kernel/x86/microcode/GenuineIntel.bin": f"{FIRMWARE}/intel-ucode/*-*-*",
    "kernel/x86/microcode/AuthenticAMD.bin": f"{FIRMWARE}/amd-ucode/microcode_amd*.bin",
}


def make_microcode(sets: Iterable[ModuleSet], trees: Mapping[str, Path], arch: str) -> bytes:
    """The archive to put in front of an initramfs; empty where no set has microcode or the architecture takes none."""
    packages = dict.fromkeys(name for item in sets for name in select_packages(item.microcode, arch))
    if not packages:
        return b""
    members = []
    for name, pattern in PARTS.items():
        files = sorted(path for package in packages for path in trees[package].glob(pattern) if path.is_file())
        if not files:
            raise ImageError(f"no package of the chosen sets has {pattern}", "correct image/microcode.py")
        updates = dict.fromkeys(path.read_bytes() for path in files)  # one file may be there under several names
        members.append(cpio.regular(name, b"".join(updates)))
    return cpio.encode_archive(members)
