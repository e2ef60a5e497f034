"""`ophite image`: build and flash images, by the image package."""

import click

from api.cli.passing import RAW, run_module


@click.group()
def command() -> None:
    """Build images, and write them to disks."""


@command.command(context_settings=RAW)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS]")
def build(words: tuple[str, ...]) -> None:
    """Build an image from source; `--help` lists the options."""
    run_module("image.build", words)


@command.command(context_settings=RAW)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[DISK] [OPTIONS]")
def flash(words: tuple[str, ...]) -> None:
    """Write an image to a disk or an SD card and read it back; without DISK, list the disks."""
    run_module("image.flash", words)
