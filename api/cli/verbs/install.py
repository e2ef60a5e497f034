"""`ophite install`."""

from typing import TYPE_CHECKING

import click

from api.cli.progress import SystemClock, show_progress, timeout_option
from api.cli.settings import Settings, node_options, pass_settings
from api.cli.waiting import Check, find_spec, wait_for
from api.client.errors import ClientError
from api.generated import install_pb2

if TYPE_CHECKING:
    from api.client.node import Node


class InstallFailed(ClientError):
    """The node could not be installed; the message is its own."""


@click.command()
@click.option("--disk", default="", metavar="PATH", help="Disk to install on, instead of the one that InstallConfig selects.")
@click.option("--wipe", is_flag=True, help="Overwrite the disk although it holds something.")
@click.option("--image", default="", metavar="URL", help="Bundle to install (https), instead of the medium's.")
@click.option("--no-wait", is_flag=True, help="Do not wait until it is done.")
@timeout_option("30m")
@node_options
@pass_settings
def command(settings: Settings, disk: str, wipe: bool, image: str, no_wait: bool, timeout: float) -> None:
    """Install a node that runs from a medium on its disk, or try again.

    Not needed when the configuration has an InstallConfig and nothing went wrong.
    """
    clock = SystemClock()
    request = install_pb2.InstallRequest(disk=disk, wipe=wipe, image=image)
    with settings.connect() as node:
        requested = node.call("InstallService.Install", request, install_pb2.InstallResponse).requested
        if no_wait:
            click.echo("the installation begins; watch it: ophite get installstatus")
            return
        with show_progress(clock) as say:
            wait_for(check_installed(node, requested), timeout, clock, say)
        found = find_spec(node, "InstallStatus", "install") or {}
        click.echo(str(found.get("message") or f"{node.address} is installed"))


def check_installed(node: "Node", requested: float) -> Check:
    """Wait until the request of that time has been carried out. The check raises `InstallFailed`."""

    def check() -> str:
        found = find_spec(node, "InstallStatus", "install")
        if found is None or found.get("requested") != requested:
            return "the node looks at its disks"
        match found.get("phase"):
            case "installed" | "already-installed":
                return ""
            case "failed":
                raise InstallFailed(f"the installation failed: {found.get('message')}", "ophite get disks; ophite dmesg")
            case "running":
                rate = f", {found['rate']} MB/s" if found.get("rate") else ""
                return f"{found.get('progress')} %{rate}: {found.get('step')}"
        return str(found.get("message") or found.get("phase"))

    return check
