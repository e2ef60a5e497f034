"""The disk image: a GPT with boot partitions, two root slots, META and STATE, made as a plain file without root or loop
devices.

A plan is computed first (pure, tested), then carried out by sfdisk, mkfs.vfat and mtools on files. All ids are derived from
the root hash, so the same root gives the same disk. How it starts is the board's: UEFI and a BIOS, or the firmware of a
Raspberry Pi. EPHEMERAL is not in the image: the node makes it in what is left.
"""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from image import pi
from image.arch import Arch
from image.boards.board import Board, RaspberryPi
from image.context import Context
from image.esp import MIB, Fat, esp_files, make_fat
from image.formats import mbr
from image.formats.verity import partition_id
from image.meta import render_meta
from image.run import get_program, run

SECTOR = 512
# Types: UEFI specification; Discoverable Partitions Specification; META's is Ophite's own.
ESP_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
BIOS_TYPE = "21686148-6449-6E6F-744E-656564454649"
DATA_TYPE = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"  # Microsoft basic data
LINUX_TYPE = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
META_TYPE = "6F706869-7465-4000-8000-6D6574610000"
NAMESPACE = uuid.UUID("6f706869-7465-4000-8000-6469736b0000")  # for ids derived from the root hash
SLOT_STEP_MIB = 64  # a slot's size is a multiple of this
# Of a Raspberry Pi, all FAT32 with the clusters of its own images: 512 bytes, and 2 KiB where there are enough of them.
BOOT_MIB, BOOT_SLOT_MIB = 64, 256
CLUSTERS = {"BOOT": 1, "BOOT-A": 4, "BOOT-B": 4}


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
        *list_boot_partitions(board),
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


def list_boot_partitions(board: Board) -> tuple[tuple[str, str, int], ...]:
    """Name, type and size in MiB of what comes before the roots. A Raspberry Pi's are the first three, in order: its firmware
    names them by number, in a table that has four."""
    if isinstance(board.boot, RaspberryPi):
        return (("BOOT", DATA_TYPE, BOOT_MIB), ("BOOT-A", DATA_TYPE, BOOT_SLOT_MIB), ("BOOT-B", DATA_TYPE, BOOT_SLOT_MIB))
    return (("BIOS", BIOS_TYPE, 1), ("ESP", ESP_TYPE, board.esp_mib))


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


def render_mbr(disk_id: str, partitions: Sequence[Partition]) -> bytes:
    """What a Raspberry Pi's firmware boots from: the FAT partitions as the GPT has them, then one entry over all the rest.
    The bytes from offset 440 of the first sector on."""
    boot = [partition for partition in partitions if partition.name in CLUSTERS]
    rest = partitions[len(boot)]
    end = partitions[-1].start + partitions[-1].size
    places = [(mbr.FAT32, partition.start, partition.size) for partition in boot]
    places.append((mbr.LINUX, rest.start, end - rest.start))
    unit = MIB // SECTOR
    entries = [mbr.Entry(kind, start * unit, size * unit) for kind, start, size in places]
    return mbr.encode_table(int(disk_id[:8], 16), entries)


def make_disk(context: Context, path: Path) -> None:
    """Write the disk image (sparse) to `path`; it is made of what is cached already, so it is not cached itself."""
    root = context.root_image
    partitions = plan_disk(context.board, context.arch, root.root_hash, root.path.stat().st_size)
    places = {partition.name: partition for partition in partitions}
    disk_id = derive_id(root.root_hash, "disk")
    with path.open("wb") as file:
        file.truncate((partitions[-1].start + partitions[-1].size + 1) * MIB)  # 1 MiB for the second table
    script = render_script(disk_id, partitions)
    run([get_program("sfdisk"), "--quiet", "--no-reread", "--no-tell-kernel", path], stdin=script.encode())
    if context.grub is not None:
        write_at(path, 0, (context.grub / "boot.img").read_bytes())
        write_at(path, places["BIOS"].start * MIB, (context.grub / "core.img").read_bytes())
    if isinstance(context.board.boot, RaspberryPi):
        write_at(path, mbr.TABLE_OFFSET, render_mbr(disk_id, partitions))
    if context.options.meta:
        write_at(path, places["META"].start * MIB, render_meta(context.options.meta))
    for name, files in list_file_systems(context).items():
        write_fat(context, files, places[name], path)
    write_sparse(root.path, path, places["ROOT-A"].start * MIB)


def list_file_systems(context: Context) -> dict[str, Mapping[str, Path | bytes]]:
    """The FAT file systems, by partition, with their files."""
    if isinstance(context.board.boot, RaspberryPi):
        return {"BOOT": pi.list_loader_files(context), "BOOT-A": context.boot_files, "BOOT-B": {}}
    return {"ESP": esp_files(context)}


def write_fat(context: Context, files: Mapping[str, Path | bytes], place: Partition, path: Path) -> None:
    """A file system with these files in its place on the disk."""
    volume = derive_id(context.root_image.root_hash, place.name)[:8]
    fat = Fat(place.size, place.name, volume, context.epoch, CLUSTERS.get(place.name, 0))
    with TemporaryDirectory(dir=path.parent, prefix=".fat.") as scratch:
        image = Path(scratch) / "fat.img"
        make_fat(files, fat, image)
        write_sparse(image, path, place.start * MIB)


def write_at(path: Path, offset: int, data: bytes) -> None:
    """Overwrite a piece of a file."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def write_sparse(source: Path, target: Path, offset: int) -> None:
    """Copy a file into another one at a byte offset, leaving out holes and blocks of zeros."""
    with source.open("rb") as reader, target.open("r+b") as writer:
        for start, end in find_data(reader.fileno()):
            reader.seek(start)
            position = start
            while position < end and (block := reader.read(min(MIB, end - position))):
                if block.count(0) != len(block):
                    writer.seek(offset + position)
                    writer.write(block)
                position += len(block)


def find_data(descriptor: int) -> Iterator[tuple[int, int]]:
    """Start and end of what is not a hole in a file (lseek(2), SEEK_DATA)."""
    end = 0
    while True:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end
