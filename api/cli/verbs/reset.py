"""`ophite reset`."""

import json
from typing import TYPE_CHECKING

import click

from api.cli.lazy import Failure
from api.cli.progress import Clock, Duration, Say, SystemClock, show_progress, timeout_option
from api.cli.settings import Settings, node_options, pass_settings
from api.cli.waiting import HEALING, PERIOD, NotReady
from api.client.errors import Refused, TimedOut, Unreachable

if TYPE_CHECKING:
    from api.client.node import Node
    from api.generated.reset_pb2 import ResetRequest

MODES = ("system", "user-disks", "all")
ENDS = ("reboot", "poweroff", "maintenance")
AWAY = 20.0  # seconds without an answer after which a node counts as gone though it did not say that it goes


@click.command()
@click.option("--mode", type=click.Choice(MODES), default="system", show_default=True, help="What is destroyed.")
@click.option(
    "--system-volumes", default="", metavar="STATE,…", help="Only these volumes of the node (all: STATE,EPHEMERAL,META)."
)
@click.option("--user-disks", default="", metavar="DISK,…", help="These disks as a whole; without it every user volume.")
@click.option("--graceful/--no-graceful", default=True, show_default=True, help="Drain the node and leave etcd first.")
@click.option("--then", type=click.Choice(ENDS), default="reboot", show_default=True, help="How it ends.")
@click.option("--limit", type=Duration(), default="0", help="How long erasing may take; 0 goes by size.")
@click.option("--force", is_flag=True, help="Though the cluster's only data goes with it.")
@click.option("--forget", is_flag=True, help="End one that was cut off and cannot be finished, though data may be readable.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Watch until the node goes away.")
@timeout_option("30m")
@node_options
@pass_settings
def command(
    settings: Settings,
    mode: str,
    system_volumes: str,
    user_disks: str,
    graceful: bool,
    then: str,
    limit: float,
    force: bool,
    forget: bool,
    yes: bool,
    wait: bool,
    timeout: float,
) -> None:
    """Destroy the data of a node.

    The node is drained and leaves etcd, everything on it is stopped, and then the volumes and disks are overwritten. It always
    ends within its limit. The versions of the system stay, so the node boots again. What a power cut or the limit cuts off, the
    next boot continues.
    """
    request = make_request(mode, system_volumes, user_disks, then)
    request.abrupt, request.limit, request.force, request.forget = not graceful, limit, force, forget
    clock = SystemClock()
    with settings.connect() as node:
        if not yes:
            confirm(node, request)
        name = node.reset(request).request
        if wait:
            with show_progress(clock) as say:
                follow(node, name, timeout, clock, say)
        click.echo(f"{node.address} {'is gone; its console shows what is destroyed' if wait else 'is being reset'}")


def make_request(mode: str, system_volumes: str, user_disks: str, then: str) -> "ResetRequest":
    """Return the request; lists are separated by commas."""
    from api.generated.reset_pb2 import ResetRequest

    return ResetRequest(
        mode=f"MODE_{mode.upper().replace('-', '_')}",
        system_volumes=_split(system_volumes),
        user_disks=_split(user_disks),
        then=f"THEN_{then.upper()}",
    )


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def confirm(node: "Node", request: "ResetRequest") -> None:
    """Show what would be destroyed and ask. Raises `click.Abort`."""
    request.plan_only = True
    plan = node.reset(request)
    request.plan_only = False
    for step in dict.fromkeys(plan.steps):
        click.echo(f"  {step}")
    click.confirm(f"Destroy this on {node.address}?", abort=True)


def follow(node: "Node", name: str, timeout: float, clock: Clock, say: Say) -> None:
    """Show how far a reset is until the node goes away: at once when it was about to, else for a while.

    Raises `Failure` with the node's reason, `NotReady`.
    """
    end, seen, phase = clock.now() + timeout, clock.now(), ""
    while clock.now() < end:
        try:
            status = json.loads(node.get("ResetStatus", "reset").spec)
            seen = clock.now()
        except (Unreachable, TimedOut) as error:
            if phase == "stopping" or clock.now() - seen >= AWAY:
                return
            say(error.message)
            status = {}
        except Refused as error:
            if error.code not in HEALING:
                raise
            status = {}
        if status.get("request") == name:
            phase = status["phase"]
            if phase == "failed":
                raise Failure(f"the reset failed: {status['error']}", "ophite get resetstatus -o yaml")
            say(f"{phase}: {status['step']}")
        clock.sleep(PERIOD)
    raise NotReady(f"the node is still there after {timeout:.0f} s", "ophite get resetstatus -o yaml; its console says more")
