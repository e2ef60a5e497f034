"""What a Raspberry Pi's firmware reads: golden texts for each board, the files of both partitions, and what must be refused."""

from __future__ import annotations

import dataclasses
import gzip
from pathlib import Path

import pytest

from image import pi
from image.boards import BOARDS, get_board
from image.boards.board import Board, RaspberryPi, Stepping
from image.errors import ImageError
from image.formats import fdt
from image.formats.fdt import Node
from tests.unit.image.pi_build import VERSION, list_patterns, make_context, make_device_tree

DATA = Path(__file__).parents[2] / "data"
PI_BOARDS = sorted(name for name, board in BOARDS.items() if isinstance(board.boot, RaspberryPi))


def get_boot(name: str) -> RaspberryPi:
    boot = get_board(name).boot
    assert isinstance(boot, RaspberryPi)
    return boot


def read(content: Path | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def test_the_boards() -> None:
    assert PI_BOARDS == ["raspberry-pi-3", "raspberry-pi-4", "raspberry-pi-5", "raspberry-pi-zero-2w"]


@pytest.mark.parametrize("slot", ["a", "b"])
def test_autoboot_is_what_the_node_writes(slot: str) -> None:
    made = pi.render_autoboot(slot)
    assert made == (DATA / f"lifecycle/tryboot/autoboot-{slot}.txt").read_bytes()
    assert len(made) == 512


@pytest.mark.parametrize("name", PI_BOARDS)
def test_the_texts_of_a_board(name: str, tmp_path: Path) -> None:
    files = make_context(tmp_path, name).boot_files
    for text in (pi.CONFIGURATION, pi.COMMAND_LINE):
        assert read(files[text]) == (DATA / "image" / name / text).read_bytes(), text
    assert files["tryboot.txt"] == files[pi.CONFIGURATION]


@pytest.mark.parametrize("name", PI_BOARDS)
def test_the_firmware_gets_what_it_asks_for(name: str, tmp_path: Path) -> None:
    context = make_context(tmp_path, name)
    boot, files = get_boot(name), context.boot_files
    assert list(files) == sorted(files)
    for line in read(files[pi.CONFIGURATION]).decode().splitlines():
        assert len(line) <= 98
        for word in ("kernel=", "device_tree=", "initramfs "):
            if line.startswith(word):
                assert line.removeprefix(word).split()[0] in files
    assert len(read(files[pi.COMMAND_LINE]).splitlines()) == 1
    assert set(boot.firmware) | {Path(pattern).name for pattern in list_patterns(boot)} <= set(files)
    assert gzip.decompress(read(files[pi.KERNEL])) == context.vmlinuz.read_bytes()
    assert read(files[pi.KERNEL])[4:8] == bytes(4), "a time in it would make each build another"


@pytest.mark.parametrize("name", PI_BOARDS)
def test_the_first_partition_says_only_which_one_is_next(name: str, tmp_path: Path) -> None:
    files = pi.list_loader_files(make_context(tmp_path, name))
    rom = {"bootcode.bin", "config.txt"} if name in {"raspberry-pi-3", "raspberry-pi-zero-2w"} else set()
    assert set(files) == {"autoboot.txt"} | rom
    assert files.get("config.txt", b"") == b""


def test_another_stepping_gets_its_tree_both_ways(tmp_path: Path) -> None:
    files = make_context(tmp_path, "raspberry-pi-5").boot_files
    assert read(files["bcm2712d0-rpi-5-b.dtb"]) == make_device_tree(b"second")
    overlay = fdt.parse(read(files["overlays/bcm2712d0.dtbo"]))
    fragment = overlay.children["fragment@0"]
    assert fragment.properties == {"target-path": b"/pins\0"}
    assert fragment.children["__overlay__"].properties == {"compatible": b"second\0"}


@pytest.mark.parametrize("name", PI_BOARDS)
def test_every_board_keeps_a_page_for_the_firmware(name: str, tmp_path: Path) -> None:
    files = make_context(tmp_path, name).boot_files
    overlay = fdt.parse(read(files["overlays/ophite.dtbo"]))
    assert overlay.properties == {"compatible": b"chip\0"}
    page = overlay.children["fragment@0"].children["__overlay__"].children["ophite@100000"]
    assert page.properties["reg"] == bytes.fromhex("00100000 00001000")
    assert "dtoverlay=ophite" in read(files[pi.CONFIGURATION]).decode().splitlines()


def test_trees_that_reserve_memory_differently_are_refused(tmp_path: Path) -> None:
    trees = {name: tmp_path / name for name in ("a.dtb", "b.dtb")}
    cells = {"#address-cells": b"\0\0\0\1", "#size-cells": b"\0\0\0\1"}
    for path, count in zip(trees.values(), (1, 2), strict=True):
        reserved = Node(cells | {"#size-cells": bytes([0, 0, 0, count])})
        path.write_bytes(fdt.encode(Node({"compatible": b"x\0"}, {"reserved-memory": reserved})))
    with pytest.raises(ImageError, match=r"a\.dtb, b\.dtb: they reserve memory differently"):
        pi.make_page(trees)
    trees["a.dtb"].write_bytes(fdt.encode(Node({"compatible": b"x\0"})))
    with pytest.raises(ImageError, match="no /reserved-memory"):
        pi.make_page(trees)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    context = make_context(tmp_path, "raspberry-pi-5")
    boot = get_boot("raspberry-pi-5")

    def with_boot(**changes: object) -> Board:
        return dataclasses.replace(context.board, boot=dataclasses.replace(boot, **changes))  # type: ignore[arg-type]  # any field

    lost = Stepping("none.dtb", boot.steppings[0].base, "x", "x.dtb")
    cases = {
        r"raspi-firmware has no none\.elf": with_boot(firmware=("none.elf",)),
        r"no device tree none/\*": with_boot(device_trees=("none/*",)),
        r"none\.dtb: .*No such file": with_boot(steppings=(lost,)),
        "not started by a Raspberry Pi": get_board("cloud"),
    }
    for problem, board in cases.items():
        with pytest.raises(ImageError, match=problem):
            pi.list_boot_files(dataclasses.replace(context, board=board))


def test_a_line_that_the_firmware_would_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="98 characters"):
        pi.render_config(RaspberryPi((), config=("x" * 99,)), VERSION)
