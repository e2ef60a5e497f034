"""The forms in which an image is delivered: `--format` and `--compress`.

`raw` is the disk as a file, `qcow2` the same for QEMU and clouds that take it, `sd` the same for flash tools, packed and with
a list that Raspberry Pi Imager reads, `iso` a CD or stick, `pxe` a directory for a network boot, `bundle` nothing but the
bundle, which every build makes. The table `FORMATS` tells what each one writes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from image import imager
from image.cache import digest_file
from image.context import Context
from image.disk import make_disk
from image.errors import ImageError
from image.media import make_iso, make_netboot
from image.run import get_program, run
from image.tools import fetch_tools, loader_argv

QEMU_IMG = "usr/bin/qemu-img"
QEMU_TOOLS = ("qemu-utils",)
TIMEOUT = 1800.0  # seconds
# Two threads always: their number decides where a stream is cut into blocks.
COMPRESSORS = {"zstd": (".zst", ("zstd", "-10", "-T2")), "xz": (".xz", ("xz", "-6", "-T2"))}
# Most of a card is packed already (EROFS, zstd) or zeros: level 6 makes it 4 % smaller in three times the time.
SD_COMPRESSOR = ("xz", "-1", "-T2", "--block-size=16MiB")


@dataclass(frozen=True)
class Format:
    """One form: what it is called, how it is made, and whether `--compress` packs the file (a qcow2 packs itself).

    `output` may have `{version}` and `{board}` in it; `beside` names a file that may come with it.
    """

    name: str
    output: str
    make: Callable[[Context, Path], None]
    packs: bool = False
    beside: str = ""


def make_raw(context: Context, path: Path) -> None:
    """The disk."""
    make_disk(context, path)


def make_qcow2(context: Context, path: Path) -> None:
    """The disk for QEMU; one coroutine and in order, so that it is the same twice."""
    disk = path.with_name(f"{path.name}.raw")
    tools = fetch_tools(QEMU_TOOLS, context.cache, context.options.mirror)
    packed = ["-c", "-o", "compression_type=zstd"] if context.options.compress else []
    try:
        make_disk(context, disk)
        argv: list[str | Path] = [
            *loader_argv(tools, QEMU_IMG),
            "convert",
            "-f",
            "raw",
            "-O",
            "qcow2",
            "-m",
            "1",
            *packed,
            disk,
            path,
        ]
        run(argv, timeout=TIMEOUT)
    finally:
        disk.unlink(missing_ok=True)


def make_sd(context: Context, path: Path) -> None:
    """The disk packed for flash tools and, for machines that Raspberry Pi Imager knows, the list that offers it."""
    disk = path.with_name(f"{path.name}.raw")
    try:
        make_disk(context, disk)
        unpacked = imager.Content(disk.stat().st_size, digest_file(disk))
        program, *words = SD_COMPRESSOR
        run([get_program(program), *words, "--quiet", "--force", "--suffix=.xz", disk], timeout=TIMEOUT)
        disk.with_name(f"{disk.name}.xz").replace(path)
    finally:
        disk.unlink(missing_ok=True)
        disk.with_name(f"{disk.name}.xz").unlink(missing_ok=True)
    if context.board.imager:
        packed = imager.Content(path.stat().st_size, digest_file(path))
        name = name_output(SD, context)
        board, arch, built = context.board, context.arch.name, context.epoch
        offer = imager.Offer(board, arch, context.version, name, packed, unpacked, built)
        imager.write_list(offer, context.options.base_url, context.options.output)


def make_pxe(context: Context, path: Path) -> None:
    """The directory for a network boot."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    make_netboot(context, path)


SD = Format("sd", "ophite-{version}-{board}.img.xz", make_sd, beside=imager.NAME)
FORMATS = (
    Format("raw", "disk.img", make_raw, packs=True),
    Format("qcow2", "disk.qcow2", make_qcow2),
    SD,
    Format("iso", "ophite.iso", make_iso, packs=True),
    Format("pxe", "pxe", make_pxe),
)
NAMES = (*(form.name for form in FORMATS), "bundle")


def check_formats(formats: tuple[str, ...], compress: str, base_url: str = "") -> None:
    """Raise `ImageError` for what cannot be made."""
    unknown = sorted(set(formats) - set(NAMES))
    if unknown:
        raise ImageError(f"no format {', '.join(unknown)}", f"one of: {', '.join(NAMES)}")
    if compress and compress not in COMPRESSORS:
        raise ImageError(f"no compression {compress!r}", f"one of: {', '.join(COMPRESSORS)}")
    if "qcow2" in formats and compress == "xz":
        raise ImageError("a qcow2 cannot be packed with xz", "--compress zstd, or another format")
    imager.check_base_url(base_url)


def deliver(context: Context) -> list[str]:
    """Make all forms that are asked for in the output directory, and remove what an earlier build made of the others. What
    was made, as names below it."""
    made: list[str] = []
    output, compress = context.options.output, context.options.compress
    for form in FORMATS:
        wanted = form.name in context.options.formats
        suffix = COMPRESSORS[compress][0] if compress and form.packs else ""
        name = name_output(form, context) + suffix
        for old in find_outputs(form, output):
            if not wanted or old.name != name:
                remove(old)
        if wanted:
            make_form(context, form, suffix)
            made += [name, *([form.beside] if form.beside and (output / form.beside).exists() else [])]
    return made


def name_output(form: Format, context: Context) -> str:
    """What the file of a form is called, unpacked."""
    return form.output.format(version=context.version, board=context.board.name)


def find_outputs(form: Format, output: Path) -> list[Path]:
    """All that a build may have made of a form, of whatever version and board."""
    pattern = form.output.format(version="*", board="*")
    endings = ("", *(pair[0] for pair in COMPRESSORS.values())) if form.packs else ("",)
    found = {path for ending in endings for path in output.glob(pattern + ending)}
    return sorted(found | ({output / form.beside} if form.beside else set()))


def make_form(context: Context, form: Format, suffix: str) -> None:
    """Make one form beside the old one, pack it, and put it in its place."""
    output, name = context.options.output, name_output(form, context)
    scratch = output / f".{name}.new"
    packed = scratch.with_name(scratch.name + suffix)
    try:
        form.make(context, scratch)
        if suffix:
            program, *words = COMPRESSORS[context.options.compress][1]
            run([get_program(program), *words, "--quiet", "--force", "--keep", scratch], timeout=TIMEOUT)
        if packed.is_dir():
            remove(output / name)
        packed.replace(output / (name + suffix))
    finally:
        remove(scratch)
        remove(packed)


def remove(path: Path) -> None:
    """Remove a file or a directory, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
