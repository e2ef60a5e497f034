"""`ophite events`."""

import datetime

import click

from api.cli.settings import Settings, node_options, pass_settings


@click.command()
@node_options
@pass_settings
def command(settings: Settings) -> None:
    """Show what happens on a node, as it happens."""
    with settings.connect() as node:
        for event in node.events():
            click.echo(render_event(event.time, event.subject, event.message))


def render_event(time: float, subject: str, message: str) -> str:
    """Return an event as a line; the time is the node's, in UTC."""
    moment = datetime.datetime.fromtimestamp(time, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}  {subject}  {message}"
