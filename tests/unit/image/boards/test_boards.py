"""Boards: found by their files, each one possible."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from image import boards, named
from image.boards import BOARDS, find_boards, get_board
from image.boards.board import Board, Kernel, RaspberryPi
from image.context import Options
from image.errors import ImageError
from image.sets import choose_sets

DIRECTORY = Path(boards.__file__).parent
KERNEL = {"arm64": Kernel("linux-image-arm64")}


def make(name: str = "toy", kernels: dict[str, Kernel] = KERNEL) -> Board:
    return Board(name, "a toy", kernels, (), (), ())


def test_every_file_with_a_board_is_found_in_order_of_name() -> None:
    files = [path.stem for path in DIRECTORY.glob("*.py") if re.search(r"^BOARD = ", path.read_text(), re.MULTILINE)]
    assert sorted(BOARDS) == list(BOARDS) == sorted(name.replace("_", "-") for name in files)
    assert {"cloud", "metal"} <= set(BOARDS)


def test_an_unknown_board_names_those_there_are() -> None:
    with pytest.raises(ImageError, match="no board 'toaster'") as error:
        get_board("toaster")
    assert "cloud, metal" in str(error.value)


@pytest.mark.parametrize("board", [make("another"), "no board"])
def test_a_board_is_called_as_its_file(monkeypatch: pytest.MonkeyPatch, board: object) -> None:
    module = ModuleType("toy")
    module.BOARD = board  # type: ignore[attr-defined]  # a module made by hand
    monkeypatch.setattr(named, "import_module", lambda name: module)
    with pytest.raises(ValueError, match="is not a Board named"):
        find_boards()


@pytest.mark.parametrize("kernels", [{}, {"amd65": Kernel("linux-image-amd65")}])
def test_a_board_has_a_kernel_for_an_architecture_that_there_is(kernels: dict[str, Kernel]) -> None:
    with pytest.raises(ValueError, match="board toy: kernels for"):
        make(kernels=kernels)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())
def test_a_board_is_possible(board: Board) -> None:
    assert board.summary
    for kernel in board.kernels.values():
        words = (*kernel.words, *board.command_line)
        assert kernel.package.startswith("linux-image-")
        assert any(word.startswith("console=") for word in words), "nothing tells what happens"
        assert any(word.startswith("panic=") for word in words), "a panic must end in a reboot, or nothing falls back"
        assert all(word and len(word.split()) == 1 for word in words)
    if isinstance(board.boot, RaspberryPi):
        assert set(board.kernels) == {"arm64"}
        assert board.boot.device_trees


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())
def test_the_sets_of_a_board_exist(board: Board) -> None:
    assert [item.name for item in choose_sets(board.sets)] == ["base", *board.sets]


def test_the_architecture_is_the_boards_first_unless_one_is_said() -> None:
    assert Options(Path()).architecture == "amd64"
    assert Options(Path(), arch="arm64").architecture == "arm64"
    with pytest.raises(ImageError, match="no board"):
        _ = Options(Path(), board="toaster").architecture
