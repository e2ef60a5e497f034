"""The ESP: what lies on it, and the FAT file system that holds it (docs/lifecycle.md, "Slots and boot entries").

An image has one slot, `a`, with the first generation and no counter of tries. A node writes the same files later
(`controllers/lifecycle/entries.py`); golden files hold both to the same bytes.
Trap: mtools writes names in the order in which it is told them, and a directory of the host has no order of its own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from image import grub
from image.context import Context
from image.rootlist import BOOT_LOADER
from image.run import get_program, run
from image.uki import EFI_FILES

MIB = 1 << 20
SLOT = "a"  # the slot of an image
GENERATION = 1
LOADER_CONFIGURATION = "timeout 0\neditor no\n"
FAT32_MIB = 300  # from here on there are enough clusters of 4 KiB for FAT32, which firmware wants of a fixed disk
CLUSTER_SECTORS = 8


@dataclass(frozen=True)
class Fat:
    """A FAT file system to be made: its size, its label and number, and the time that everything on it bears."""

    size_mib: int
    label: str
    volume: str  # 8 hex digits
    epoch: int
    cluster_sectors: int = 0  # of a FAT32; 0: FAT16, or from `FAT32_MIB` on FAT32 with clusters of 4 KiB

    @property
    def kind(self) -> tuple[str, ...]:
        """The words of mkfs.vfat(8) for it."""
        sectors = self.cluster_sectors or (CLUSTER_SECTORS if self.size_mib >= FAT32_MIB else 0)
        return ("-F", "32", "-s", str(sectors)) if sectors else ("-F", "16")


def render_entry(slot: str, version: str, generation: int) -> str:
    """A boot entry (UAPI group, Boot Loader Specification, type 1)."""
    return f"title Ophite {version}\nsort-key ophite\nversion {generation}\nuki /EFI/ophite/{slot}.efi\n"


def find_boot_loader(context: Context) -> Path:
    """systemd-boot for the image's architecture."""
    return context.trees[BOOT_LOADER.partition("/")[0]] / EFI_FILES / f"systemd-boot{context.arch.efi}.efi"


def esp_files(context: Context) -> dict[str, Path | bytes]:
    """Every file of the ESP: both boot loaders with what they read, and the slot."""
    files: dict[str, Path | bytes] = {
        f"EFI/BOOT/BOOT{context.arch.efi.upper()}.EFI": find_boot_loader(context),
        f"EFI/ophite/{SLOT}.efi": context.uki,
        "loader/loader.conf": LOADER_CONFIGURATION.encode(),
        f"loader/entries/ophite-{SLOT}.conf": render_entry(SLOT, context.version, GENERATION).encode(),
    }
    if context.arch.bios_loader:
        files |= {
            "grub/grub.cfg": grub.CONFIGURATION.encode(),
            "grub/grubenv": grub.render_environment(SLOT),
            f"ophite/{SLOT}/boot.cfg": grub.render_boot(f"/ophite/{SLOT}", context.command_line).encode(),
            f"ophite/{SLOT}/vmlinuz": context.vmlinuz,
            f"ophite/{SLOT}/initramfs.zst": context.initramfs,
        }
    return files


def make_fat(files: Mapping[str, Path | bytes], fat: Fat, image: Path) -> None:
    """A file system image with these files, the same bytes for the same input."""
    staging = image.with_name(f"{image.name}.files")
    stage_files(files, staging, fat.epoch)
    with image.open("wb") as file:
        file.truncate(fat.size_mib * MIB)
    environment = {"SOURCE_DATE_EPOCH": str(fat.epoch), "MTOOLS_SKIP_CHECK": "1"}
    run([get_program("mkfs.vfat"), *fat.kind, "-n", fat.label, "-i", fat.volume, "--invariant", image], env=environment)
    directories = sorted({parent.as_posix() for name in files for parent in Path(name).parents} - {"."})
    if directories:
        run([get_program("mmd"), "-i", image, *(f"::{name}" for name in directories)], env=environment)
    for directory in [*directories, "."]:
        names = sorted(name for name in files if Path(name).parent.as_posix() == directory)
        if names:
            target = "::" if directory == "." else f"::{directory}"
            run([get_program("mcopy"), "-m", "-i", image, *(staging / name for name in names), target], env=environment)
    shutil.rmtree(staging, ignore_errors=not files)


def stage_files(files: Mapping[str, Path | bytes], staging: Path, epoch: int) -> None:
    """Lay the files into a directory, all with one time."""
    for name, content in files.items():
        place = staging / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            place.write_bytes(content)
        else:
            shutil.copyfile(content, place)
        os.utime(place, (epoch, epoch))
