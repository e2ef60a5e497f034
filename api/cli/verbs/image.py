"""`ophite image`: build and flash images, by the image package."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from api.cli.lazy import Failure
from api.cli.output import output_option, show_rows
from api.cli.passing import RAW, run_module

if TYPE_CHECKING:
    from image.boards.board import Board


@click.group()
def command() -> None:
    """Build images, and write them to disks."""


def find_boards() -> dict[str, Board]:
    """The boards by name; none where only the command line is installed."""
    if find_spec("image") is None:
        return {}
    from image.boards import BOARDS

    return BOARDS


def complete_word(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the value of `--board`; everything else is a file to the shell."""
    words = ctx.params.get("words") or ("",)
    if words[-1] != "--board":
        return [CompletionItem(incomplete, type="file")]
    boards = find_boards().items()
    return [CompletionItem(name, help=board.summary) for name, board in boards if name.startswith(incomplete)]


@command.command(context_settings=RAW)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS]", shell_complete=complete_word)
def build(words: tuple[str, ...]) -> None:
    """Build an image from source; `--help` lists the options."""
    run_module("image.build", words)


@command.command(context_settings=RAW)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[DISK] [OPTIONS]", shell_complete=complete_word)
def flash(words: tuple[str, ...]) -> None:
    """Write an image to a disk or an SD card and read it back; without DISK, list the disks."""
    run_module("image.flash", words)


@command.command()
@output_option
def boards(output: str) -> None:
    """List the boards that images can be built for."""
    found = [describe_board(board) for board in find_boards().values()]
    if not found:
        raise Failure(
            "the image builder is not installed here", "run it in a checkout of the project, or install ophite[image]"
        )
    titles = ("NAME", "ARCH", "KERNEL", "MACHINES", "TESTED")
    show_rows(output, titles, [tuple(board[title.lower()] for title in titles) for board in found], found)


def describe_board(board: Board) -> dict[str, Any]:
    """A board as plain values, by the titles of the table."""
    kernels = {f"{kernel.package}/{kernel.suite}": None for kernel in board.kernels.values()}
    return {
        "name": board.name,
        "arch": list(board.kernels),
        "kernel": list(kernels),
        "machines": board.summary,
        "tested": board.tested,
    }
