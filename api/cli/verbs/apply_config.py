"""`ophite apply-config`."""

from typing import TYPE_CHECKING

import click

from api.cli.files import read_text
from api.cli.settings import Settings, insecure_options, node_options, pass_settings
from api.client.errors import ClientError

if TYPE_CHECKING:
    from api.generated.config_pb2 import ApplyRequest, ApplyResponse

MODES = ("auto", "staged", "try")


class InvalidConfig(ClientError):
    """The node refused a configuration; the message lists every problem."""


@click.command()
@click.option("-f", "--file", required=True, metavar="FILE", help="The configuration; `-` reads standard input.")
@click.option("-p", "--patch", "patches", multiple=True, metavar="FILE", help="Change it before it is sent; may be repeated.")
@click.option(
    "-m",
    "--mode",
    type=click.Choice(MODES),
    default="auto",
    show_default=True,
    help="auto: now; staged: after the next reboot; try: now, and back again after --try-timeout.",
)
@click.option("--try-timeout", type=float, default=60.0, show_default=True, help="Seconds that `try` lasts.")
@click.option("--dry-run", is_flag=True, help="Show what would happen and change nothing.")
@insecure_options
@node_options
@pass_settings
def command(settings: Settings, file: str, patches: tuple[str, ...], mode: str, try_timeout: float, dry_run: bool) -> None:
    """Give a node its configuration."""
    text = patched(file, patches)
    with settings.connect() as node:
        answer = node.apply(make_request(text, mode, dry_run, try_timeout))
    report(answer, show_diff=dry_run)


def patched(file: str, patches: tuple[str, ...]) -> str:
    """Return a configuration file's text with patch files applied, unchanged without any."""
    text = read_text(file)
    if not patches:
        return text
    from controllers.config.patch import apply_patches

    return apply_patches(text, [read_text(patch) for patch in patches], file)


def make_request(text: str, mode: str = "auto", dry_run: bool = False, try_timeout: float = 0.0) -> "ApplyRequest":
    """Return the request for the node."""
    from api.generated.config_pb2 import ApplyRequest

    return ApplyRequest(data=text.encode(), mode=f"MODE_{mode.upper()}", dry_run=dry_run, try_timeout=try_timeout)


def report(answer: "ApplyResponse", *, show_diff: bool) -> None:
    """Print what the node says. Raises `InvalidConfig` with every problem."""
    if answer.problems:
        lines = [f"{problem.path}: {problem.message}" if problem.path else problem.message for problem in answer.problems]
        fixes = [f" ({problem.fix})" if problem.fix else "" for problem in answer.problems]
        listed = "\n".join(f"  {line}{fix}" for line, fix in zip(lines, fixes, strict=True))
        count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
        raise InvalidConfig(f"the configuration has {count}:\n{listed}", "nothing was applied")
    for warning in answer.warnings:
        click.secho(f"warning: {warning}", err=True, fg="yellow")
    if show_diff and answer.diff:
        click.echo(answer.diff.rstrip("\n"))
    click.echo(answer.mode_details)
