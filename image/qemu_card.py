"""Boots a Raspberry Pi's SD card without the firmware that QEMU does not have: reads what the firmware would load.

The firmware looks into partition 1 for `autoboot.txt`, goes to the partition that it names, and follows `config.txt` there to
kernel, initramfs, overlays and command line (docs/boards.md; Raspberry Pi documentation, "config.txt"). The files are copied
out of the card by mtools and given to QEMU. Trap: QEMU takes only cards whose size is a power of two; the GPT's second copy is
then not at the end, which is how a card that was flashed looks, too.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from image.errors import ImageError
from image.formats import fdt
from image.run import get_program, run

FIRST = 1  # the partition with autoboot.txt
FILES_LIMIT = 512 << 20  # bytes; the partition is half of that
FILTERS = ("all", "")  # sections of config.txt and autoboot.txt that hold for every board; "" is before the first


@dataclass(frozen=True)
class BootFiles:
    """What the firmware loads: kernel, device tree, initramfs, and the kernel's command line."""

    kernel: Path
    device_tree: Path
    initramfs: Path
    command_line: str


def find_card_size(size: int) -> int:
    """The smallest power of two that holds this many bytes."""
    return 1 << (size - 1).bit_length()


def list_settings(text: str, sections: tuple[str, ...] = FILTERS) -> list[tuple[str, str]]:
    """The settings of `config.txt` or `autoboot.txt` in the given sections, in their order; `initramfs NAME …` too."""
    found: list[tuple[str, str]] = []
    section = ""
    for line in (line.strip() for line in text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]")
        elif section in sections and line and not line.startswith("#"):
            name, sign, value = line.partition("=")
            if not sign:
                name, _, value = line.partition(" ")
            found.append((name.strip(), value.strip()))
    return found


def parse_settings(text: str, sections: tuple[str, ...] = FILTERS) -> dict[str, str]:
    """The same by their names; the last one counts."""
    return dict(list_settings(text, sections))


def lay_over(tree: fdt.Node, overlay: fdt.Node) -> None:
    """Change a device tree as an overlay says, as far as that names its targets by paths; raises `ImageError` for others.

    Source: the kernel's Documentation/devicetree/overlay-notes.rst.
    """
    nodes = dict(tree.walk())
    for name, fragment in overlay.children.items():
        if name.startswith("__"):
            continue
        path = fragment.properties.get(fdt.TARGET, b"").rstrip(b"\0").decode()
        if path not in nodes or fdt.OVERLAY not in fragment.children:
            raise ImageError(f"the overlay's {name} has no target {path!r}", "is it for another board?")
        merge(nodes[path], fragment.children[fdt.OVERLAY])


def merge(node: fdt.Node, other: fdt.Node) -> None:
    """Give a node the properties and children of another one."""
    node.properties |= other.properties
    for name, child in other.children.items():
        merge(node.children.setdefault(name, fdt.Node()), child)


def write_device_tree(directory: Path, name: str, overlays: list[str]) -> Path:
    """The board's device tree with overlays laid over it, as a file; raises `ImageError`."""
    path = directory / "qemu.dtb"
    try:
        tree = fdt.parse((directory / name).read_bytes())
        for overlay in overlays:
            lay_over(tree, fdt.parse((directory / "overlays" / f"{overlay}.dtbo").read_bytes()))
    except (fdt.FdtError, OSError) as error:
        raise ImageError(f"{name} with {', '.join(overlays)}: {error}", "is the image one for this board?") from error
    path.write_bytes(fdt.encode(tree))
    return path


def find_offsets(disk: Path) -> dict[int, int]:
    """Where each partition begins, in bytes, by its number."""
    table = json.loads(run([get_program("sfdisk"), "--json", disk]))["partitiontable"]
    sector = int(table.get("sectorsize", 512))
    prefix = len(str(disk))
    return {int(one["node"][prefix:].lstrip("p")): int(one["start"]) * sector for one in table["partitions"]}


def copy_out(disk: Path, offset: int, name: str, target: Path) -> None:
    """Copy a file or directory out of the FAT file system that begins at `offset`."""
    run([get_program("mcopy"), "-Q", "-n", "-s", "-i", f"{disk}@@{offset}", f"::{name}", target])


def find_partition(disk: Path, offsets: dict[int, int], scratch: Path, *, tryboot: bool) -> int:
    """The number of the partition that `autoboot.txt` names, with or without the one-shot flag; raises `ImageError`."""
    scratch.unlink(missing_ok=True)
    copy_out(disk, offsets[FIRST], "autoboot.txt", scratch)
    text = scratch.read_text(errors="replace")
    scratch.unlink()
    usual = parse_settings(text).get("boot_partition", str(FIRST))
    wanted = parse_settings(text, ("tryboot",)).get("boot_partition", usual) if tryboot else usual
    if not wanted.isdecimal() or int(wanted) not in offsets:
        raise ImageError(f"autoboot.txt names the partition {wanted!r}, which is not there", "see docs/boards.md")
    return int(wanted)


def take_boot_files(disk: Path, directory: Path, device_tree: str, *, tryboot: bool = False) -> BootFiles:
    """Copy what the firmware would load from the card `disk` into `directory`, anew; raises `ImageError` for what lacks.

    In: the name of the board's device tree, which the firmware knows by itself; `tryboot`, whether its one-shot flag is set.
    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    offsets = find_offsets(disk)
    if FIRST not in offsets:
        raise ImageError(f"{disk}: no partitions", "is it the image of a Raspberry Pi?")
    number = find_partition(disk, offsets, directory.with_suffix(".txt"), tryboot=tryboot)
    copy_out(disk, offsets[number], "/*", directory)
    return read_boot_files(directory, device_tree)


def read_boot_files(directory: Path, device_tree: str) -> BootFiles:
    """Follow `config.txt` in a directory with a boot partition's files; raises `ImageError` for what lacks."""
    if sum(path.stat().st_size for path in directory.rglob("*")) > FILES_LIMIT:
        raise ImageError(f"{directory}: more than {FILES_LIMIT >> 20} MiB", "is it the image of a Raspberry Pi?")
    for name in ("config.txt", device_tree):
        if not (directory / name).is_file():
            raise ImageError(f"the boot partition has no {name}", "is the image one for this board?")
    lines = list_settings((directory / "config.txt").read_text())
    settings = dict(lines)
    overlays = [value.partition(",")[0] for key, value in lines if key == "dtoverlay"]
    names = {
        "kernel": settings.get("kernel", "kernel8.img"),
        "initramfs": settings.get("initramfs", "").partition(" ")[0],
        "cmdline": settings.get("cmdline", "cmdline.txt"),
    }
    for what, name in names.items():
        if not name or not (directory / name).is_file():
            raise ImageError(f"config.txt: {what} is {name or 'not set'!r}, which is not there", "see docs/boards.md")
    return BootFiles(
        kernel=directory / names["kernel"],
        device_tree=write_device_tree(directory, device_tree, overlays) if overlays else directory / device_tree,
        initramfs=directory / names["initramfs"],
        command_line=(directory / names["cmdline"]).read_text().strip(),
    )
