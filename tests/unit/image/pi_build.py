"""A build for a Raspberry Pi that has made small files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from image import pi
from image.arch import get_arch
from image.boards import get_board
from image.boards.board import RaspberryPi
from image.cache import Cache
from image.context import Context, Kubernetes, Options, RootImage
from image.formats import fdt
from image.formats.fdt import Node
from image.sign import SigningKey
from image.uki import render_command_line

ROOT_HASH = "00112233445566778899aabbccddeeff" * 2
VERSION = "1.2.3"
KERNEL = "9.9"
EPOCH = 1_750_000_000


def list_patterns(board: RaspberryPi) -> list[str]:
    """Names of device trees that the patterns of a board find."""
    return [pattern.replace("*", "x") for pattern in board.device_trees]


def make_device_tree(chip: bytes = b"first") -> bytes:
    """A tree that tells one stepping from another."""
    cells = {"#address-cells": b"\0\0\0\1", "#size-cells": b"\0\0\0\1"}
    nodes = {"pins": Node({"compatible": chip + b"\0"}), "reserved-memory": Node(cells)}
    return fdt.encode(Node({"compatible": b"board\0chip\0"}, nodes))


def make_context(top: Path, board_name: str) -> Context:
    """Everything up to the initramfs is there."""
    board = get_board(board_name)
    assert isinstance(board.boot, RaspberryPi)
    firmware = top / "firmware" / pi.FIRMWARE_FILES
    trees = top / "kernel/usr/lib/modules" / KERNEL / "dtb"
    names = [
        *(firmware / name for name in (*board.boot.firmware, pi.BOOT_CODE)), top / "root", top / "initramfs.zst",
        trees.parent / "vmlinuz",
    ]  # fmt: skip
    for path in names:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode() * 3)
    (top / "root").write_bytes(b"root" * 1024)
    places = dict.fromkeys(list_patterns(board.boot), b"first")
    places |= {stepping.tree: b"second" for stepping in board.boot.steppings}
    for name, chip in places.items():
        (trees / name).parent.mkdir(parents=True, exist_ok=True)
        (trees / name).write_bytes(make_device_tree(chip))
    context = Context(
        Options(top, board_name), board, get_arch("arm64"), Cache(top / "cache"), VERSION, EPOCH, SigningKey(b"", ""),
        trees={pi.PACKAGE: top / "firmware"}, kernel_version=KERNEL, kernel=top / "kernel", initramfs=top / "initramfs.zst",
        root_image=RootImage(top / "root", ROOT_HASH, "cd" * 32, 1, 4096), kubernetes=Kubernetes("1.33.1", Path()),
    )  # fmt: skip
    return with_boot_files(context)


def with_boot_files(context: Context) -> Context:
    """What the steps after the root image add."""
    ready = replace(context, command_line=render_command_line(context))
    return replace(ready, boot_files=pi.list_boot_files(ready))
