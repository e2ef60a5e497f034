"""The disk image: a GPT with ESP, two root slots, META and STATE, made as a plain file without root or loop devices.

A plan is computed first (pure, tested), then carried out by sfdisk, mkfs.vfat and mtools on files. All ids are derived from
the root hash, so the same root gives the same disk. EPHEMERAL is not in the image: the node makes it in what is left.
Trap: mtools and mkfs.vfat write the current time unless told otherwise.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from image.arch import Arch
from image.boards.board import Board
from image.context import Context
from image.formats.verity import partition_id
from image.rootlist import BOOT_LOADER
from image.run import get_program, run
from image.uki import EFI_FILES

MIB = 1 << 20
SECTOR = 512
# Types: UEFI specification; Discoverable Partitions Specification; META's is Ophite's own.
ESP_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
BIOS_TYPE = "21686148-6449-6E6F-744E-656564454649"
LINUX_TYPE = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
META_TYPE = "6F706869-7465-4000-8000-6D6574610000"
NAMESPACE = uuid.UUID("6f706869-7465-4000-8000-6469736b0000")  # for ids derived from the root hash
LOADER_CONFIGURATION = "timeout 0\neditor no\n"
SLOT_STEP_MIB = 64  # a slot's size is a multiple of this


@dataclass(frozen=True)
class Partition:
    """One partition: sizes in MiB."""

    name: str
    type: str
    id: str
    start: int
    size: int


def plan_disk(board: Board, arch: Arch, root_hash: str, root_bytes: int) -> tuple[Partition, ...]:
    """The partitions in order. A slot has room for an image of twice the size, so that later versions fit."""
    slot = max(board.slot_mib, -(-2 * root_bytes // (SLOT_STEP_MIB * MIB)) * SLOT_STEP_MIB)
    rows = (
        ("BIOS", BIOS_TYPE, 1),
        ("ESP", ESP_TYPE, board.esp_mib),
        ("ROOT-A", arch.root_type, slot),
        ("ROOT-B", arch.root_type, slot),
        ("META", META_TYPE, 1),
        ("STATE", LINUX_TYPE, board.state_mib),
    )
    partitions: list[Partition] = []
    start = 1
    for name, kind, size in rows:
        own = partition_id(root_hash) if name == "ROOT-A" else derive_id(root_hash, name)
        partitions.append(Partition(name, kind, own, start, size))
        start += size
    return tuple(partitions)


def derive_id(root_hash: str, name: str) -> str:
    """A UUID that depends on the image and a name only (RFC 9562, version 5)."""
    return str(uuid.uuid5(NAMESPACE, f"{root_hash}/{name}"))


def render_script(disk_id: str, partitions: Sequence[Partition]) -> str:
    """The input of sfdisk(8)."""
    lines = ["label: gpt", f"label-id: {disk_id}", f"first-lba: {MIB // SECTOR}"]
    for partition in partitions:
        start, size = partition.start * MIB // SECTOR, partition.size * MIB // SECTOR
        lines.append(f'start={start}, size={size}, type={partition.type}, uuid={partition.id}, name="{partition.name}"')
    return "\n".join(lines) + "\n"


def make_disk(context: Context, path: Path) -> None:
    """Write the disk image (sparse) to `path`; it is made of what is cached already, so it is not cached itself."""
    root = context.root_image
    partitions = plan_disk(context.board, context.arch, root.root_hash, root.path.stat().st_size)
    places = {partition.name: partition for partition in partitions}
    with path.open("wb") as file:
        file.truncate((partitions[-1].start + partitions[-1].size + 1) * MIB)  # 1 MiB for the second table
    script = render_script(derive_id(root.root_hash, "disk"), partitions)
    run([get_program("sfdisk"), "--quiet", "--no-reread", "--no-tell-kernel", path], stdin=script.encode())
    with TemporaryDirectory(dir=path.parent, prefix=".esp.") as scratch:
        esp = make_esp(context, Path(scratch), places["ESP"].size)
        write_sparse(esp, path, places["ESP"].start * MIB)
    write_sparse(root.path, path, places["ROOT-A"].start * MIB)


def esp_files(context: Context) -> dict[str, Path | bytes]:
    """What is on the ESP: the boot loader under the name that firmware looks for, its configuration, the UKI."""
    boot_loader = context.trees[BOOT_LOADER.partition("/")[0]] / EFI_FILES / f"systemd-boot{context.arch.efi}.efi"
    return {
        f"EFI/BOOT/BOOT{context.arch.efi.upper()}.EFI": boot_loader,
        "loader/loader.conf": LOADER_CONFIGURATION.encode(),
        f"EFI/Linux/ophite_{context.version}.efi": context.uki,
    }


def make_esp(context: Context, directory: Path, size_mib: int) -> Path:
    """A FAT32 file system image with the ESP's files."""
    staging = directory / "esp"
    for name, content in esp_files(context).items():
        place = staging / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            place.write_bytes(content)
        else:
            shutil.copyfile(content, place)
    for path in (*staging.rglob("*"), staging):
        os.utime(path, (context.epoch, context.epoch))
    image = directory / "esp.img"
    with image.open("wb") as file:
        file.truncate(size_mib * MIB)
    volume = derive_id(context.root_image.root_hash, "ESP")[:8]
    environment = {"SOURCE_DATE_EPOCH": str(context.epoch), "MTOOLS_SKIP_CHECK": "1"}
    run([get_program("mkfs.vfat"), "-F", "32", "-s", "2", "-n", "ESP", "-i", volume, "--invariant", image], env=environment)
    tops = sorted(path for path in staging.iterdir())
    run([get_program("mcopy"), "-s", "-m", "-i", image, *tops, "::"], env=environment)
    shutil.rmtree(staging)
    return image


def write_sparse(source: Path, target: Path, offset: int) -> None:
    """Copy a file into another one at a byte offset, leaving out blocks of zeros."""
    with source.open("rb") as reader, target.open("r+b") as writer:
        position = offset
        while block := reader.read(MIB):
            if block.count(0) != len(block):
                writer.seek(position)
                writer.write(block)
            position += len(block)
