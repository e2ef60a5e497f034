"""The boards that images can be built for: one file each, found by looking into this package.

A file `raspberry_pi_4.py` with a `BOARD` is the board `raspberry-pi-4`; a file without one holds what several boards share.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from image.boards.board import Board
from image.errors import ImageError


def find_boards() -> dict[str, Board]:
    """All boards in order of name. Raises `ValueError` for one that is not called as its file."""
    boards = {}
    for name in sorted(info.name for info in iter_modules(__path__)):
        board = getattr(import_module(f"{__name__}.{name}"), "BOARD", None)
        if board is None:
            continue
        if not isinstance(board, Board) or board.name != name.replace("_", "-"):
            raise ValueError(f"image/boards/{name}.py: BOARD is not a board named {name.replace('_', '-')!r}")
        boards[board.name] = board
    return boards


BOARDS = find_boards()


def get_board(name: str) -> Board:
    """The board of that name; raises `ImageError` for an unknown one."""
    if name not in BOARDS:
        raise ImageError(f"no board {name!r}", f"one of: {', '.join(sorted(BOARDS))}")
    return BOARDS[name]
