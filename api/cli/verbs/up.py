"""`ophite up`: from a node that waits for its configuration to one that is ready, as a table of steps.

Every step may be done already, so the same command again goes on where it stopped.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.cli.files import read_text, write_private
from api.cli.progress import Clock, Say, SystemClock, show_progress, timeout_option
from api.cli.settings import ENVIRONMENT, Settings, config_option, pass_settings
from api.cli.verbs.apply_config import make_request, report
from api.cli.waiting import Check, check_node, find_spec, wait_for
from api.client.address import Address, parse_address
from api.client.errors import MaintenanceMode, Refused

if TYPE_CHECKING:
    from api.client.connect import Pinned
    from api.client.node import Node


@dataclass
class Up:
    """What the steps share. `end`: the monotonic second at which the time is over."""

    settings: Settings
    address: Address
    config: str
    kubeconfig: Path
    fingerprint: str
    clock: Clock
    say: Say
    end: float
    done: list[str] = field(default_factory=list)
    maintenance: bool = True

    def wait(self, check: Check) -> None:
        """Wait for something within the time that is left."""
        wait_for(check, max(0.0, self.end - self.clock.now()), self.clock, self.say)

    def connect(self) -> "Node":
        """Return the node as its administrator sees it."""
        from api.client.connect import connect

        return connect(self.address, self.settings.identity())


@click.command()
@click.argument("node", metavar="NODE")
@click.option("--config", "config", required=True, metavar="FILE", help="The node's configuration (controlplane.yaml).")
@click.option("--kubeconfig", default="", metavar="FILE", help="Where the kubeconfig goes (default: beside the configuration).")
@click.option(
    "--fingerprint", default="", metavar="SHA256", help="What the node's certificate must hash to (its console shows it)."
)
@timeout_option("20m")
@config_option
@pass_settings
def command(settings: Settings, node: str, config: str, kubeconfig: str, fingerprint: str, timeout: float) -> None:
    """Configure, bootstrap and wait for a node: the three commands in one.

    NODE is HOST[:PORT]. Your ophiteconfig is the one beside the configuration unless you name another. The same command again
    goes on where it stopped.
    """
    beside = Path(config).parent
    if not settings.ophiteconfig and (beside / "ophiteconfig").exists() and ENVIRONMENT not in os.environ:
        settings.ophiteconfig = str(beside / "ophiteconfig")
    clock = SystemClock()
    target = Path(kubeconfig) if kubeconfig else beside / "kubeconfig"
    with show_progress(clock) as say:
        up = Up(settings, parse_address(node), read_text(config), target, fingerprint, clock, say, clock.now() + timeout)
        run_steps(up)
    for line in up.done:
        click.echo(line)
    click.echo(f"\n{up.address} is ready. Next:")
    click.echo(f"  export {ENVIRONMENT}={settings.path}")
    if up.kubeconfig.exists():
        click.echo(f"  kubectl --kubeconfig {up.kubeconfig} get nodes")


def find_api(up: Up) -> None:
    """Wait until something answers, and see whether it is configured."""
    from api.client.connect import connect_insecure

    found: list[Pinned] = []

    def check() -> str:
        found.append(connect_insecure(up.address))
        return ""

    up.wait(check)
    with found[0].node:
        up.maintenance = found[0].maintenance
        up.done.append(f"{up.address} answers, fingerprint {found[0].fingerprint}")


def apply_config(up: Up) -> None:
    """Give the node its configuration, over a connection pinned to what it showed."""
    from api.client.connect import connect_insecure

    if not up.maintenance:
        up.done.append("it has a configuration already; it was left alone (`ophite apply-config` changes it)")
        return
    with connect_insecure(up.address, up.fingerprint).node as node:
        report(node.apply(make_request(up.config)), show_diff=False)


def remember_node(up: Up) -> None:
    """Make the node the one that commands are about from now on."""
    import msgspec

    config = up.settings.load()
    name = up.settings.context or config.context
    context = up.settings.current()
    changed = msgspec.structs.replace(context, endpoints=(str(up.address),), nodes=(str(up.address),))
    if changed != context:
        up.settings.save(msgspec.structs.replace(config, contexts={**config.contexts, name: changed}))


def wait_secure(up: Up) -> None:
    """Wait until the API knows its administrators."""
    with up.connect() as node:

        def check() -> str:
            try:
                node.version()
            except MaintenanceMode:
                return "the node takes its configuration"
            return ""

        up.wait(check)


def bootstrap(up: Up) -> None:
    """Create the cluster, unless there is one or this is a worker."""
    if is_worker(up.config):
        return
    with up.connect() as node:
        up.wait(check_bootstrapped(node))
    up.done.append("etcd is bootstrapped")


def wait_ready(up: Up) -> None:
    """Wait until the node is what its configuration asks for."""
    with up.connect() as node:
        up.wait(check_node(node))


def fetch_kubeconfig(up: Up) -> None:
    """Write the administrator's kubeconfig; a worker has none."""
    if is_worker(up.config):
        return
    with up.connect() as node:
        write_private(up.kubeconfig, node.kubeconfig())
    up.done.append(f"wrote {up.kubeconfig}")


STEPS: tuple[tuple[str, Callable[[Up], None]], ...] = (
    ("find the node's API", find_api),
    ("apply the configuration", apply_config),
    ("remember the node in your ophiteconfig", remember_node),
    ("wait for mutual TLS", wait_secure),
    ("bootstrap etcd", bootstrap),
    ("wait until the node is ready", wait_ready),
    ("fetch the kubeconfig", fetch_kubeconfig),
)


def run_steps(up: Up) -> None:
    """Do all steps, saying which one. Raises what they raise."""
    for number, (name, step) in enumerate(STEPS, start=1):
        say, prefix = up.say, f"{number}/{len(STEPS)} {name}"
        say(prefix)

        def say_within(text: str, say: Say = say, prefix: str = prefix) -> None:
            say(f"{prefix}: {text}")

        up.say = say_within
        try:
            step(up)
        finally:
            up.say = say


def check_bootstrapped(node: "Node") -> Check:
    """Ask for a bootstrap until the node takes it, or has data already. What it lacks (the time, say) may come yet."""

    def check() -> str:
        data = find_spec(node, "EtcdData", "data")
        if data is not None and data.get("initialized"):
            return ""
        try:
            node.bootstrap()
        except Refused as error:
            if error.code == "failed_precondition":
                return error.message
            if error.code != "already_exists":
                raise
        return ""

    return check


def is_worker(config: str) -> bool:
    """Return whether a configuration is a worker's; whether it is sound is the node's business."""
    from controllers.config.documents import MachineConfig, MachineType
    from controllers.config.loader import load
    from controllers.config.validation import find_document

    machine = find_document(load(config).documents, MachineConfig)
    return machine is not None and machine.type is MachineType.WORKER
