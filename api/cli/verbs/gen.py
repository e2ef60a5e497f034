"""`ophite gen config` and `ophite gen secrets`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.cli.files import check_absent, read_text, write_private

if TYPE_CHECKING:
    from controllers.config.bundle import SecretsBundle


@click.group()
def command() -> None:
    """Make configurations and secrets of a new cluster."""


@command.command()
@click.argument("name")
@click.argument("endpoint")
@click.option("-o", "--output", "--output-dir", "directory", default=".", metavar="DIR", help="Where the files go.")
@click.option("--from-secrets", "secrets", metavar="FILE", help="Secrets that `ophite gen secrets` made.")
@click.option("--sans", default="", metavar="NAME,…", help="Further names and addresses of the nodes' API.")
@click.option("--allow-scheduling", is_flag=True, help="Let pods run on control-plane nodes.")
@click.option("-p", "--patch", "patches", multiple=True, metavar="FILE", help="Change both configurations; may be repeated.")
@click.option("--patch-controlplane", multiple=True, metavar="FILE", help="Change controlplane.yaml.")
@click.option("--patch-worker", multiple=True, metavar="FILE", help="Change worker.yaml.")
@click.option("--force", is_flag=True, help="Overwrite files.")
def config(
    name: str,
    endpoint: str,
    directory: str,
    secrets: str | None,
    sans: str,
    allow_scheduling: bool,
    patches: tuple[str, ...],
    patch_controlplane: tuple[str, ...],
    patch_worker: tuple[str, ...],
    force: bool,
) -> None:
    """Make controlplane.yaml, worker.yaml and ophiteconfig.

    NAME is the cluster's; ENDPOINT is where everybody reaches the Kubernetes API, such as https://192.0.2.10:6443.
    """
    from controllers.config.clientconfig import render_client_config
    from controllers.config.generate import GenerateOptions, generate_config

    target = Path(directory)
    paths = [target / file for file in ("controlplane.yaml", "worker.yaml", "ophiteconfig")]
    if not force:
        check_absent(paths)
    options = GenerateOptions(
        sans=tuple(san.strip() for san in sans.split(",") if san.strip()),
        allow_scheduling_on_control_planes=allow_scheduling,
        patches=tuple(map(read_text, patches)),
        control_plane_patches=tuple(map(read_text, patch_controlplane)),
        worker_patches=tuple(map(read_text, patch_worker)),
    )
    made = generate_config(name, endpoint, load_bundle(secrets), options)
    for path, text in zip(paths, (made.controlplane, made.worker, render_client_config(made.client)), strict=True):
        write_private(path, text)
        click.echo(f"wrote {path}")


@command.command()
@click.option("-o", "--output", default="secrets.yaml", show_default=True, metavar="FILE", help="`-` prints them.")
@click.option("--force", is_flag=True, help="Overwrite the file.")
def secrets(output: str, force: bool) -> None:
    """Make the secrets of a cluster, for `gen config --from-secrets`."""
    text = load_bundle(None).render()
    if output == "-":
        click.echo(text, nl=False)
        return
    if not force:
        check_absent([Path(output)])
    write_private(Path(output), text)
    click.echo(f"wrote {output}")


def load_bundle(file: str | None) -> "SecretsBundle":
    """Return the secrets of a file, or new ones without a file."""
    from controllers.config.bundle import SecretsBundle, parse_bundle

    return parse_bundle(read_text(file), file) if file else SecretsBundle.generate()
