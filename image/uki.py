"""The unified kernel image: kernel, initramfs and command line in one EFI program (UAPI group, UKI specification).

The verity root hash is in the command line, so whoever trusts this file trusts the whole system. Made by systemd's ukify
with the stub of systemd-boot-efi 262 or later (facts in docs/architecture.md).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from image.cache import digest, digest_file
from image.context import Context
from image.etcfiles import render_os_release
from image.formats.verity import render_parameter
from image.rootlist import BOOT_LOADER
from image.run import run

EFI_FILES = "usr/lib/systemd/boot/efi"


def render_command_line(context: Context) -> str:
    """The kernel's command line on a disk. `gpt`: believe the second partition table when the first one is damaged, which a
    power cut in the middle of a change can do."""
    return join_words(context, "ophite.root=verity", "gpt")


def join_words(context: Context, *place: str) -> str:
    """A command line: where the root is and how it is verified, then the kernel's and the board's words, then the user's."""
    root = context.root_image
    verity = f"ophite.verity={render_parameter(root.root_hash, root.salt, root.blocks)}"
    kernel = context.board.kernels[context.arch.name]
    return " ".join([*place, verity, *kernel.words, *context.board.command_line, *context.options.command_line.split()])


def make_uki(context: Context, command_line: str, initramfs: Sequence[Path]) -> Path:
    """`ophite.efi` in the cache, with these archives as one initramfs."""
    boot_loader = context.trees[BOOT_LOADER.partition("/")[0]]
    stub = boot_loader / EFI_FILES / f"linux{context.arch.efi}.efi.stub"
    release = render_os_release(context.version, context.board.name)

    def make(directory: Path) -> None:
        (directory / "cmdline").write_text(command_line)
        (directory / "os-release").write_text(release)
        argv: list[str | Path] = [
            sys.executable, context.tools / "usr/lib/systemd/ukify", "build",
            "--linux", context.vmlinuz, *(word for path in initramfs for word in ("--initrd", path)),
            "--cmdline", f"@{directory / 'cmdline'}", "--os-release", f"@{directory / 'os-release'}",
            "--uname", context.kernel_version, "--efi-arch", context.arch.efi, "--stub", stub,
            "--output", directory / "ophite.efi",
        ]  # fmt: skip
        run(argv, env={"SOURCE_DATE_EPOCH": str(context.epoch)})

    key = digest(
        Path(__file__), context.tools.name, boot_loader.name, context.kernel.name, [path.parent.name for path in initramfs],
        command_line, release, digest_file(stub), context.epoch,
    )  # fmt: skip
    return context.cache.entry("uki", key[:24], make) / "ophite.efi"
