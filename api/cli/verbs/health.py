"""`ophite health`."""

import click

from api.cli.progress import SystemClock, show_progress, timeout_option
from api.cli.settings import Settings, node_options, pass_settings
from api.cli.waiting import CHECKS, wait_for


@click.command()
@timeout_option("10m")
@click.option(
    "--wait-for", "goal", type=click.Choice(tuple(CHECKS)), default="node", show_default=True, help="What to wait for."
)
@node_options
@pass_settings
def command(settings: Settings, timeout: float, goal: str) -> None:
    """Wait until a node is ready, and say what is missing.

    With `--timeout 0` it looks once.
    """
    clock = SystemClock()
    with settings.connect() as node:
        with show_progress(clock) as say:
            wait_for(CHECKS[goal](node), timeout, clock, say)
        click.echo(f"{goal} ready: {node.address}")
