"""`ophite bootstrap`."""

import click

from api.cli.settings import Settings, node_options, pass_settings


@click.command()
@node_options
@pass_settings
def command(settings: Settings) -> None:
    """Create the cluster on its first control-plane node.

    Once in the life of a cluster, on one node; refused wherever it could destroy a cluster.
    """
    with settings.connect() as node:
        node.bootstrap()
    click.echo("the cluster is being created; watch it: ophite health")
