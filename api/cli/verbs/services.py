"""`ophite services`."""

import click

from api.cli.output import message_to_dict, output_option, show_rows
from api.cli.settings import Settings, node_options, pass_settings

TITLES = ("SERVICE", "STATE", "HEALTH", "PID", "RESTARTS", "MESSAGE")


@click.command()
@click.argument("action", type=click.Choice(("list", "restart")), default="list")
@click.argument("service", default="")
@output_option
@node_options
@pass_settings
def command(settings: Settings, action: str, service: str, output: str) -> None:
    """List the services of a node, or restart one."""
    if (action == "restart") != bool(service):
        raise click.UsageError("`services restart SERVICE` restarts one, `services` lists them")
    with settings.connect() as node:
        if action == "restart":
            node.restart_service(service)
            click.echo(f"{service} is being restarted")
            return
        found = node.services()
    rows = [(one.id, one.state, one.health, one.pid or "", one.restarts, one.message) for one in found]
    show_rows(output, TITLES, rows, [message_to_dict(one) for one in found])
