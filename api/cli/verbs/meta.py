"""`ophite meta`."""

import click

from api.cli.output import output_option, show_rows
from api.cli.settings import Settings, node_options, pass_settings
from api.generated import meta_pb2


@click.group()
def command() -> None:
    """Read META, or change your own keys in it (user.*)."""


@command.command()
@click.argument("key", default="")
@output_option
@node_options
@pass_settings
def get(settings: Settings, key: str, output: str) -> None:
    """Show all keys, or the value of one."""
    with settings.connect() as node:
        found = node.call("MetaService.Get", meta_pb2.MetaGetRequest(key=key), meta_pb2.MetaGetResponse)
    if key and output == "table":
        click.echo(found.values[key])
        return
    if not found.durable and output == "table":
        click.echo("this node runs from memory: what META holds is gone after a reboot", err=True)
    data = {"values": dict(found.values), "place": found.place, "durable": found.durable}
    show_rows(output, ("KEY", "VALUE"), sorted(found.values.items()), data)


@command.command("set")
@click.argument("key")
@click.argument("value")
@node_options
@pass_settings
def set_(settings: Settings, key: str, value: str) -> None:
    """Set a key of your own, user.NAME."""
    with settings.connect() as node:
        node.call("MetaService.Set", meta_pb2.MetaSetRequest(key=key, value=value), meta_pb2.MetaSetResponse)
    click.echo(f"{key} is set")


@command.command()
@click.argument("key")
@node_options
@pass_settings
def delete(settings: Settings, key: str) -> None:
    """Delete a key of your own, user.NAME."""
    with settings.connect() as node:
        node.call("MetaService.Delete", meta_pb2.MetaDeleteRequest(key=key), meta_pb2.MetaDeleteResponse)
    click.echo(f"{key} is deleted")
