"""`ophite version`."""

from importlib.metadata import PackageNotFoundError, version

import click

from api.cli.output import message_to_dict, output_option, render_data
from api.cli.settings import Settings, insecure_options, node_options, pass_settings


@click.command()
@click.option("--client", is_flag=True, help="Only this program.")
@output_option
@insecure_options
@node_options
@pass_settings
def command(settings: Settings, client: bool, output: str) -> None:
    """Show the versions of this program and of a node."""
    shown: dict[str, object] = {"client": own_version()}
    if not client:
        with settings.connect() as node:
            shown["node"] = {"address": str(node.address), **message_to_dict(node.version())}
    if output != "table":
        click.echo(render_data(shown, output))
        return
    click.echo(f"client: {shown['client']}")
    node_version = shown.get("node")
    if isinstance(node_version, dict):
        click.echo(f"node {node_version.pop('address')}:")
        for name, value in node_version.items():
            click.echo(f"  {name}: {value}")


def own_version() -> str:
    """Return the version of this program."""
    try:
        return version("ophite")
    except PackageNotFoundError:
        return "unknown"
