"""`ophite rollback`: back to the version in the other slot."""

import click

from api.cli.progress import SystemClock, show_progress, timeout_option
from api.cli.settings import Settings, node_options, pass_settings
from api.cli.upgrading import check_upgraded, upgrade_options
from api.cli.waiting import wait_for


@click.command()
@upgrade_options
@timeout_option("60m")
@node_options
@pass_settings
def command(settings: Settings, force: bool, stage: bool, window: float, no_wait: bool, timeout: float) -> None:
    """Take a node back to the version before.

    The other slot is started once, with the checks and the trial of an upgrade: if it is not healthy, this one comes back.
    """
    from api.generated import lifecycle_pb2 as pb

    clock = SystemClock()
    with settings.connect() as node, show_progress(clock) as say:
        name = node.rollback(pb.RollbackRequest(force=force, stage=stage, window=window))
        if not no_wait:
            wait_for(check_upgraded(node, name, staged=stage), timeout, clock, say)
        address = node.address
    if no_wait:
        click.echo(f"{address} has begun; follow it with: ophite get upgradestatus")
    else:
        click.echo(f"{address} is prepared; the next reboot tries it" if stage else f"{address} runs the version before")
