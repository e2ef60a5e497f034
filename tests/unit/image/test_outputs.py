"""The output directory: names by the kind of board, nothing stale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from image.arch import get_arch
from image.boards import get_board
from image.boards.board import Board, Kernel, RaspberryPi
from image.cache import Cache
from image.context import Context, Options, RootImage
from image.outputs import list_outputs, write_outputs
from image.sign import SigningKey

PI = Board("toy", "", {"arm64": Kernel("linux-image-arm64")}, (), (), (), boot=RaspberryPi(("x.dtb",)))


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """A build that has made small files."""
    for name in ("boot/vmlinuz-6.1", "uki", "initramfs", "root"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    options = Options(tmp_path / "output", board="metal")
    key = SigningKey(b"", "")
    return Context(
        options, get_board("metal"), get_arch("amd64"), Cache(tmp_path / "cache"), "1.2.3", 7, key,
        kernel_version="6.1", kernel=tmp_path, uki=tmp_path / "uki", initramfs=tmp_path / "initramfs",
        root_image=RootImage(tmp_path / "root", "ab" * 32, "cd" * 32, 9, 9), command_line="quiet",
    )  # fmt: skip


def listing(context: Context) -> dict[str, str]:
    top = context.options.output
    return {path.relative_to(top).as_posix(): path.read_text() for path in top.rglob("*") if path.is_file()}


def test_what_uefi_starts(context: Context) -> None:
    write_outputs(context)
    assert listing(context) == {
        "vmlinuz": "boot/vmlinuz-6.1", "initramfs.zst": "initramfs", "ophite.efi": "uki", "root.erofs": "root",
        "cmdline": "quiet\n",
    }  # fmt: skip


def test_what_a_raspberry_pi_starts_replaces_what_was_there(context: Context) -> None:
    write_outputs(context)
    (context.options.output / "boot/old.dtb").parent.mkdir()
    (context.options.output / "boot/old.dtb").touch()
    files: dict[str, Path | bytes] = {"config.txt": b"kernel=kernel8.img\n", "kernel8.img": context.vmlinuz}
    pi = replace(context, board=PI, boot_files=files, uki=Path())
    assert list(list_outputs(pi)) == ["root.erofs", "boot/config.txt", "boot/kernel8.img"]
    write_outputs(pi)
    assert listing(pi) == {
        "root.erofs": "root", "cmdline": "quiet\n", "boot/config.txt": "kernel=kernel8.img\n",
        "boot/kernel8.img": "boot/vmlinuz-6.1",
    }  # fmt: skip
