"""`ophite logs`."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from api.cli.settings import Settings, node_options, pass_settings

if TYPE_CHECKING:
    from api.client.node import Node


@click.command()
@click.argument("service")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes.")
@click.option(
    "--tail", type=click.IntRange(min=0), default=None, metavar="LINES", help="Only the last lines (default: all kept)."
)
@node_options
@pass_settings
def command(settings: Settings, service: str, follow: bool, tail: int | None) -> None:
    """Show what a service wrote.

    A node keeps the last MiB of each service's output since it booted.
    """
    stream = sys.stdout.buffer
    with settings.connect() as node:
        for data in read_logs(node, service, follow, tail):
            stream.write(data)
            stream.flush()


def read_logs(node: "Node", service: str, follow: bool, tail: int | None) -> Iterator[bytes]:
    """Yield output; with `tail` the last lines of what is kept, and then what comes if `follow`."""
    if tail is None:
        yield from node.logs(service, follow=follow)
        return
    last = last_lines(node.logs(service), tail)
    if not follow:
        yield last
        return
    # The API counts bytes, and 0 means all; so one byte more than none is asked for when no line is wanted.
    yield from node.logs(service, follow=True, tail_bytes=len(last) or 1)


def last_lines(chunks: Iterable[bytes], count: int) -> bytes:
    """Return the last lines of output; the last one may lack its end."""
    lines = b"".join(chunks).splitlines(keepends=True)
    return b"".join(lines[len(lines) - min(count, len(lines)) :])
