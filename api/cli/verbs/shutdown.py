"""`ophite shutdown`."""

import click

from api.cli.settings import Settings, node_options, pass_settings


@click.command()
@click.option("--reason", default="", help="Shown on the console.")
@node_options
@pass_settings
def command(settings: Settings, reason: str) -> None:
    """Power a node off."""
    with settings.connect() as node:
        node.power(reboot=False, reason=reason)
        click.echo(f"{node.address} powers off")
