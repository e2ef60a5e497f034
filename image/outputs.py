"""The output directory: what of an image lies there unpacked, for those who start it without its boot loader.

The names are a contract: `root.erofs` and `cmdline` always; `vmlinuz`, `initramfs.zst` and `ophite.efi` of an image for UEFI,
and `boot/NAME`, the files of slot a, of one for a Raspberry Pi. What an earlier build for another board left there goes.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from image.boards.board import RaspberryPi
from image.context import Context
from image.run import get_program, run

UEFI = ("vmlinuz", "initramfs.zst", "ophite.efi")
BOOT = "boot"  # the directory of a Raspberry Pi's files


def list_outputs(context: Context) -> dict[str, Path | bytes]:
    """Name in the output directory → content, or where the cache has it."""
    outputs: dict[str, Path | bytes] = {"root.erofs": context.root_image.path}
    if isinstance(context.board.boot, RaspberryPi):
        return outputs | {f"{BOOT}/{name}": content for name, content in context.boot_files.items()}
    return outputs | dict(zip(UEFI, (context.vmlinuz, context.initramfs, context.uki), strict=True))


def write_outputs(context: Context) -> None:
    """Write them all, and the command line."""
    output, outputs = context.options.output, list_outputs(context)
    output.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(output / BOOT, ignore_errors=True)
    for name in UEFI:
        if name not in outputs:
            (output / name).unlink(missing_ok=True)
    for name, content in outputs.items():
        write_output(content, output / name)
    (output / "cmdline").write_text(context.command_line + "\n")


def write_output(content: Path | bytes, target: Path) -> None:
    """Copy a file of the cache to where the user may change it; holes stay holes. The old one is replaced at once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.new")
    if isinstance(content, bytes):
        scratch.write_bytes(content)
    else:
        run([get_program("cp"), "--sparse=always", "--reflink=auto", content, scratch])
    scratch.replace(target)
