"""`ophite image`: build images, by the image package."""

import click

from api.cli.passing import RAW, run_module


@click.group()
def command() -> None:
    """Build images."""


@command.command(context_settings=RAW)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS]")
def build(words: tuple[str, ...]) -> None:
    """Build an image from source; `--help` lists the options."""
    run_module("image.build", words)
