"""The boards that images can be built for: one file each, found by looking into this package.

A file `raspberry_pi_4.py` with a `BOARD` is the board `raspberry-pi-4`; a file without one holds what several boards share.
"""

from __future__ import annotations

from image.boards.board import Board
from image.errors import ImageError
from image.named import find_named


def find_boards() -> dict[str, Board]:
    """All boards in order of name. Raises `ValueError` for one that is not called as its file."""
    return find_named(__name__, __path__, "BOARD", Board)


BOARDS = find_boards()


def get_board(name: str) -> Board:
    """The board of that name; raises `ImageError` for an unknown one."""
    if name not in BOARDS:
        raise ImageError(f"no board {name!r}", f"one of: {', '.join(sorted(BOARDS))}")
    return BOARDS[name]
