"""`ophite reboot`."""

from typing import TYPE_CHECKING

import click

from api.cli.progress import SystemClock, show_progress, timeout_option
from api.cli.settings import Settings, insecure_options, node_options, pass_settings
from api.cli.waiting import Check, check_node, wait_for

if TYPE_CHECKING:
    from api.client.node import Node

FORCE_HELP = "Do it though etcd loses its quorum, as on a single control-plane node, or another member is away."


@click.command()
@click.option("--wait", is_flag=True, help="Wait until the node is back and ready.")
@timeout_option("10m")
@click.option("--reason", default="", help="Shown on the console.")
@click.option("--force", is_flag=True, help=FORCE_HELP)
@insecure_options
@node_options
@pass_settings
def command(settings: Settings, wait: bool, timeout: float, reason: str, force: bool) -> None:
    """Restart a node."""
    if wait and settings.insecure:
        raise click.UsageError("--wait needs a node that has a configuration")
    clock = SystemClock()
    with settings.connect() as node:
        before = node.power(reboot=True, reason=reason, force=force)
        click.echo(f"{node.address} reboots")
        if not wait:
            return
        end = clock.now() + timeout
        with show_progress(clock) as say:
            wait_for(check_rebooted(node, before), timeout, clock, say)
            wait_for(check_node(node), max(0.0, end - clock.now()), clock, say)
        click.echo(f"{node.address} is back and ready")


def check_rebooted(node: "Node", before: str) -> Check:
    """Wait until the boot is another one. In: `before`, the id of the boot that ends."""

    def check() -> str:
        now = node.version().boot_id
        if not now:
            return "the node is booting"
        return "the node is shutting down" if now == before else ""

    return check
