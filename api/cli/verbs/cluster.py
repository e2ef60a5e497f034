"""`ophite cluster`: local clusters, by the image package."""

import click

from api.cli.passing import RAW, run_module


@click.command(context_settings=RAW)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="create|destroy|show [OPTIONS]")
def command(words: tuple[str, ...]) -> None:
    """Create, show and destroy local clusters."""
    run_module("image.cluster", words or ("--help",))
