"""`ophite shutdown`."""

import click

from api.cli.settings import Settings, node_options, pass_settings
from api.cli.verbs.reboot import FORCE_HELP


@click.command()
@click.option("--reason", default="", help="Shown on the console.")
@click.option("--force", is_flag=True, help=FORCE_HELP)
@node_options
@pass_settings
def command(settings: Settings, reason: str, force: bool) -> None:
    """Power a node off."""
    with settings.connect() as node:
        node.power(reboot=False, reason=reason, force=force)
        click.echo(f"{node.address} powers off")
