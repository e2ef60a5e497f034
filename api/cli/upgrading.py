"""Watching a node become another version, through its reboot, to one of three ends: committed, rolled back, failed.

The node may be away for minutes, and its certificate authority stays the same, so the same connection goes on afterwards.
"""

from typing import TYPE_CHECKING, Any

import click

from api.cli.progress import Duration, Say
from api.cli.waiting import Check, find_spec
from api.client.errors import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.client.node import Node

WAITING = "armed"
ENDS = ("committed", "rolled-back", "failed")
GONE = 60
"""So many answers in a row that know of no such upgrade mean that the node has forgotten it: its brain was restarted before it
began, META was lost, or another request took its place. A node that has just booted needs a moment to read META.
"""


class NotUpgraded(ClientError):
    """The upgrade has ended, and the new version does not run."""


def upgrade_options(command: "Callable[..., Any]") -> "Callable[..., Any]":
    """Add the options that upgrade and rollback share."""
    for option in (
        click.option("--no-wait", is_flag=True, help="Return once the node has accepted it."),
        click.option("--window", type=Duration(), default=0.0, help="How long the new version has to become healthy.  [10m]"),
        click.option("--stage", is_flag=True, help="Prepare everything, and wait for the next reboot."),
        click.option(
            "--force", is_flag=True, help="Also from a node that is not ready, with pods that will not go, and so on."
        ),
    ):
        command = option(command)
    return command


def check_upgraded(node: "Node", request: str, *, staged: bool) -> Check:
    """Wait until an upgrade has ended well; `staged`: until it waits for the reboot.

    Raises `NotUpgraded` with version, step and reason when it ends in another way.
    """
    unknown = 0

    def check() -> str:
        nonlocal unknown
        status = find_spec(node, "UpgradeStatus", "upgrade")
        if status is None or status.get("request") != request:
            unknown += 1
            if unknown > GONE:
                raise NotUpgraded(
                    "the node does not know of this upgrade (any more)", "ophite get upgradestatus; then try again"
                )
            return "the node has not begun yet"
        unknown = 0
        phase = str(status.get("phase"))
        if phase == "committed" or (staged and phase == WAITING and status.get("progress") == 1):
            return ""
        if phase in ENDS:
            raise NotUpgraded(describe_end(status), "ophite get upgradestatus -o yaml")
        return describe_step(status)

    return check


def describe_step(status: dict[str, Any]) -> str:
    """Return what happens now, on one line."""
    fraction = float(status.get("progress") or 0.0)
    percent = f" {fraction:.0%}" if 0.0 < fraction < 1.0 else ""
    return f"{status['phase']}: {status.get('step') or '…'}{percent}"


def describe_end(status: dict[str, Any]) -> str:
    """Return how an upgrade ended that did not end well: which version, at which step, and why."""
    version = status.get("to_version") or "the new version"
    step, error = status.get("step") or "an unknown step", status.get("error") or "no reason given"
    if status["phase"] == "rolled-back":
        return f"{version} failed at {step} and {status.get('from_version')} runs again: {error}"
    return f"the upgrade ended at {step}: {error}"


def show_bundle_progress(say: Say, size: int) -> "Callable[[int], None]":
    """Return what takes the number of bytes that are sent and shows it."""

    def sent(count: int) -> None:
        say(f"uploading: {min(count / max(size, 1), 1.0):.0%} of {size >> 20} MiB")

    return sent
