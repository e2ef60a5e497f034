"""The forms in which an image is delivered: `--format` and `--compress`.

`raw` is the disk as a file, `qcow2` the same for QEMU and clouds that take it, `iso` a CD or stick, `pxe` a directory for a
network boot, `bundle` nothing but the bundle, which every build makes. The table `FORMATS` tells what each one writes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Format:
    """One form: what it is called, how it is made, and whether `--compress` packs the file (a qcow2 packs itself)."""

    name: str
    output: str
    make: Callable[[Context, Path], None]
    packs: bool = False


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


def make_pxe(context: Context, path: Path) -> None:
    """The directory for a network boot."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    make_netboot(context, path)


FORMATS = (
    Format("raw", "disk.img", make_raw, packs=True),
    Format("qcow2", "disk.qcow2", make_qcow2),
    Format("iso", "ophite.iso", make_iso, packs=True),
    Format("pxe", "pxe", make_pxe),
)
NAMES = (*(form.name for form in FORMATS), "bundle")


def check_formats(formats: tuple[str, ...], compress: str) -> None:
    """Raise `ImageError` for what cannot be made."""
    unknown = sorted(set(formats) - set(NAMES))
    if unknown:
        raise ImageError(f"no format {', '.join(unknown)}", f"one of: {', '.join(NAMES)}")
    if compress and compress not in COMPRESSORS:
        raise ImageError(f"no compression {compress!r}", f"one of: {', '.join(COMPRESSORS)}")
    if "qcow2" in formats and compress == "xz":
        raise ImageError("a qcow2 cannot be packed with xz", "--compress zstd, or another format")


def deliver(context: Context) -> list[str]:
    """Make all forms that are asked for in the output directory, and remove what an earlier build made of the others. What
    was made, as names below it."""
    made: list[str] = []
    output, compress = context.options.output, context.options.compress
    for form in FORMATS:
        suffix = COMPRESSORS[compress][0] if compress and form.packs else ""
        for name in {form.output + ending for ending in ("", *(pair[0] for pair in COMPRESSORS.values()))}:
            if form.name not in context.options.formats or name != form.output + suffix:
                remove(output / name)
        if form.name in context.options.formats:
            make_form(context, form, suffix)
            made.append(form.output + suffix)
    return made


def make_form(context: Context, form: Format, suffix: str) -> None:
    """Make one form beside the old one, pack it, and put it in its place."""
    output = context.options.output
    scratch = output / f".{form.output}.new"
    packed = scratch.with_name(scratch.name + suffix)
    try:
        form.make(context, scratch)
        if suffix:
            program, *words = COMPRESSORS[context.options.compress][1]
            run([get_program(program), *words, "--quiet", "--force", "--keep", scratch], timeout=TIMEOUT)
        if packed.is_dir():
            remove(output / form.output)
        packed.replace(output / (form.output + suffix))
    finally:
        remove(scratch)
        remove(packed)


def remove(path: Path) -> None:
    """Remove a file or a directory, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
