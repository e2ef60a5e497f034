"""`ophite dmesg`."""

import click

from api.cli.settings import Settings, node_options, pass_settings

COLOURS = {0: "red", 1: "red", 2: "red", 3: "red", 4: "yellow"}


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes.")
@node_options
@pass_settings
def command(settings: Settings, follow: bool) -> None:
    """Show the kernel's messages."""
    with settings.connect() as node:
        for record in node.dmesg(follow=follow):
            click.secho(f"[{record.time_us / 1e6:12.6f}] {record.message}", fg=COLOURS.get(record.priority))
