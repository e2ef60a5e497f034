"""The boards that images can be built for: one file each."""

from __future__ import annotations

from image.boards import cloud, metal
from image.boards.board import Board
from image.errors import ImageError

BOARDS = {board.name: board for board in (cloud.BOARD, metal.BOARD)}


def get_board(name: str) -> Board:
    """The board of that name; raises `ImageError` for an unknown one."""
    if name not in BOARDS:
        raise ImageError(f"no board {name!r}", f"one of: {', '.join(sorted(BOARDS))}")
    return BOARDS[name]
