"""`ophite kubeconfig`: to a file, to standard output, or merged into the one that kubectl uses."""

import os
from pathlib import Path
from typing import Any

import click

from api.cli.files import FileError, check_absent, write_private
from api.cli.settings import Settings, node_options, pass_settings

LISTS = ("clusters", "users", "contexts")


@click.command()
@click.argument("path", metavar="[PATH]", default="")
@click.option("-o", "--output", metavar="PATH", default="", help="The same as PATH; `-` prints it.")
@click.option("--merge", is_flag=True, help="Add it to the file that kubectl uses, and make it the current context.")
@click.option("--force", is_flag=True, help="Overwrite PATH.")
@node_options
@pass_settings
def command(settings: Settings, path: str, output: str, merge: bool, force: bool) -> None:
    """Fetch the cluster administrator's kubeconfig.

    It is written to PATH (default: `kubeconfig` in this directory).
    """
    if merge and (path or output):
        raise click.UsageError("--merge or a path, not both")
    with settings.connect() as node:
        text = node.kubeconfig()
    if (output or path) == "-":
        click.echo(text, nl=False)
        return
    target = kubectl_path() if merge else Path(output or path or "kubeconfig")
    if merge:
        text = merge_kubeconfigs(target.read_text() if target.exists() else "", text, str(target))
    elif not force:
        check_absent([target])
    write_private(target, text)
    click.echo(f"wrote {target}")


def kubectl_path() -> Path:
    """Return the file that kubectl writes: the first of `KUBECONFIG`, else `~/.kube/config`."""
    first = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(first) if first else Path.home() / ".kube" / "config"


def merge_kubeconfigs(into: str, other: str, file: str) -> str:
    """Return `into` with the entries of `other`, which replace those of the same name; its context becomes current.

    Raises `FileError` when `into` is no kubeconfig.
    """
    import yaml

    from controllers.config.render import render_fields

    try:
        old: Any = yaml.safe_load(into) or {}
    except yaml.YAMLError as error:
        raise FileError(f"{file} is not YAML: {error}") from None
    if not isinstance(old, dict) or not all(isinstance(old.get(name) or [], list) for name in LISTS):
        raise FileError(f"{file} is no kubeconfig", "choose another file: -o PATH")
    new: Any = yaml.safe_load(other)
    merged = {"apiVersion": "v1", "kind": "Config", **old}
    for name in LISTS:
        names = {entry["name"] for entry in new.get(name) or []}
        kept = [entry for entry in old.get(name) or [] if not (isinstance(entry, dict) and entry.get("name") in names)]
        merged[name] = kept + list(new.get(name) or [])
    merged["current-context"] = new.get("current-context", "")
    return render_fields(merged)
