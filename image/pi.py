"""What a Raspberry Pi's firmware reads from its FAT partitions (docs/boards.md, "Raspberry Pi").

Partition `BOOT` says with `autoboot.txt` which of `BOOT-A` and `BOOT-B` is started; each of these holds all of its slot: the
GPU's firmware, `config.txt`, kernel, initramfs, device trees. An image has slot `a`. The node writes the same files later.
Names and meaning of the properties: raspberrypi.com/documentation, "config.txt" and "autoboot.txt".
Trap: the firmware cuts lines of `config.txt` at 98 characters and says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from image import mailbox_page
from image.boards.board import Board, RaspberryPi, Stepping
from image.cache import digest
from image.context import Context
from image.errors import ImageError
from image.formats import fdt
from image.run import get_program, run

SECTOR = 512  # bytes: all of autoboot.txt, so that one write replaces it
LINE_LIMIT = 98  # characters
PARTITIONS = {"a": 2, "b": 3}  # slot → number of its boot partition
PACKAGE = "raspi-firmware"
FIRMWARE_FILES = "usr/lib/raspi-firmware"
BOOT_CODE = "bootcode.bin"
KERNEL, INITRAMFS, CONFIGURATION, COMMAND_LINE = "kernel8.img", "initramfs.zst", "config.txt", "cmdline.txt"
TRIED = "tryboot.txt"  # what firmware reads instead of config.txt when it does not heed tryboot_a_b: the same
OVERLAYS = "overlays"
GZIP = ("-6", "-n")  # nine takes three times as long for 0.3 %
WATCHDOG_SECONDS = 60  # the firmware starts the watchdog and PID 1 takes it over: a kernel that hangs is reset too
HEADER = "# Ophite {version}\n# Written with every version: changes are lost.\n"  # the node reads the first line
COMMON = (
    "arm_64bit=1",
    f"kernel={KERNEL}",
    "kernel_address=0x200000",  # the default of newer firmware; the page of the overlay lies below
    f"initramfs {INITRAMFS} followkernel",
    f"dtoverlay={Path(mailbox_page.FILE).stem}",
    f"kernel_watchdog_timeout={WATCHDOG_SECONDS}",
    "disable_splash=1",
    "boot_delay=0",
)


def render_autoboot(slot: str) -> bytes:
    """`autoboot.txt` that starts `slot`, and the other one when it is to be tried. Exactly one sector, filled up with empty
    lines. A boot loader too old to know sections takes the last number that it finds."""
    other = next(name for name in PARTITIONS if name != slot)
    text = (
        f"[all]\ntryboot_a_b=1\nboot_partition={PARTITIONS[slot]}\n"
        f"[tryboot]\nboot_partition={PARTITIONS[other]}\n"
        f"[none]\nboot_partition={PARTITIONS[slot]}\n"
    )
    return text.encode("ascii").ljust(SECTOR, b"\n")


def render_config(pi: RaspberryPi, version: str) -> str:
    """`config.txt` of a boot partition; raises `ValueError` for a line that the firmware would cut."""
    lines = [*COMMON, *pi.config]
    if long := [line for line in lines if len(line) > LINE_LIMIT]:
        raise ValueError(f"lines of more than {LINE_LIMIT} characters: {'; '.join(long)}")
    return HEADER.format(version=version) + "".join(f"{line}\n" for line in lines)


def get_pi(board: Board) -> RaspberryPi:
    """How a Raspberry Pi board starts; raises `ImageError` for another board."""
    if not isinstance(board.boot, RaspberryPi):
        raise ImageError(f"{board.name} is not started by a Raspberry Pi's firmware", "choose another board")
    return board.boot


def list_loader_files(context: Context) -> dict[str, Path | bytes]:
    """The files of partition `BOOT`. A boot ROM starts `bootcode.bin`, which reads on only where there is a `config.txt`;
    other boards take a partition with one for a system, and would stay there when `autoboot.txt` is lost."""
    autoboot: dict[str, Path | bytes] = {"autoboot.txt": render_autoboot("a")}
    if get_pi(context.board).boot_rom:
        return autoboot | {BOOT_CODE: find_firmware(context, BOOT_CODE), CONFIGURATION: b""}
    return autoboot


def list_boot_files(context: Context) -> dict[str, Path | bytes]:
    """The files of `BOOT-A`, in order of name."""
    pi = get_pi(context.board)
    files: dict[str, Path | bytes] = {name: find_firmware(context, name) for name in pi.firmware}
    trees = find_device_trees(context.device_trees, pi)
    files |= trees
    files[f"{OVERLAYS}/{mailbox_page.FILE}"] = make_page(trees)
    for stepping in pi.steppings:
        files[f"{OVERLAYS}/{stepping.overlay}.dtbo"] = make_stepping(context.device_trees, stepping)
        files[stepping.name] = context.device_trees / stepping.tree
    configuration = render_config(pi, context.version).encode("ascii")
    files |= {
        KERNEL: pack_kernel(context),
        INITRAMFS: context.initramfs,
        COMMAND_LINE: f"{context.command_line}\n".encode(),
        CONFIGURATION: configuration,
        TRIED: configuration,
    }
    return {name: files[name] for name in sorted(files)}


def find_firmware(context: Context, name: str) -> Path:
    """A file of the firmware's package; raises `ImageError` when it has none of that name."""
    place = context.trees[PACKAGE] / FIRMWARE_FILES / name
    if not place.is_file():
        raise ImageError(f"{PACKAGE} has no {name}", "correct the board's list of firmware")
    return place


def find_device_trees(top: Path, pi: RaspberryPi) -> dict[str, Path]:
    """File name → device tree; raises `ImageError` for a pattern that finds none in the kernel's packages."""
    found: dict[str, Path] = {}
    for pattern in pi.device_trees:
        places = sorted(top.glob(pattern))
        if not places:
            raise ImageError(f"the kernel has no device tree {pattern}", "correct the board, or choose another kernel")
        found |= {place.name: place for place in places}
    return found


def make_page(trees: Mapping[str, Path]) -> bytes:
    """The overlay that keeps a page for requests to the firmware; raises `ImageError` when the trees of a board differ in how
    they reserve memory, or do not."""
    try:
        made = {mailbox_page.make_page_overlay(read_for_chip(path)) for path in trees.values()}
    except fdt.FdtError as error:
        raise ImageError(f"{', '.join(trees)}: {error}", "choose another kernel") from error
    if len(made) != 1:
        raise ImageError(f"{', '.join(trees)}: they reserve memory differently", "make boards of their own of them")
    return made.pop()


def read_for_chip(path: Path) -> fdt.Node:
    """A tree that says which chip it is for, and not which model."""
    tree = fdt.parse(path.read_bytes())
    return fdt.Node(tree.properties | {"compatible": fdt.get_chip(tree)}, tree.children)


def make_stepping(top: Path, stepping: Stepping) -> bytes:
    """The overlay for a stepping; raises `ImageError` when the kernel lacks its trees or they differ in more than that."""
    try:
        base, wanted = (fdt.parse((top / name).read_bytes()) for name in (stepping.base, stepping.tree))
        return fdt.encode(fdt.make_overlay(base, wanted))
    except (OSError, fdt.FdtError) as error:
        raise ImageError(f"{stepping.tree}: {error}", "correct the board, or choose another kernel") from error


def pack_kernel(context: Context) -> Path:
    """The kernel compressed by gzip, which the firmware takes as well: half as much to read from a slow card."""

    def make(directory: Path) -> None:
        data = run([get_program("gzip"), *GZIP, "-c", context.vmlinuz])
        (directory / KERNEL).write_bytes(data)

    return context.cache.entry("kernel", digest("gzip", GZIP, context.vmlinuz)[:24], make) / KERNEL
