"""`ophite upgrade`: hand a bundle over, or name one, and watch the node to the end."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.cli.lazy import Failure
from api.cli.progress import SystemClock, show_progress, timeout_option
from api.cli.settings import Settings, node_options, pass_settings
from api.cli.upgrading import check_upgraded, show_bundle_progress, upgrade_options
from api.cli.waiting import wait_for

if TYPE_CHECKING:
    from api.client.node import Node

PIECE = 1 << 20  # bytes
ADDRESSES = ("https://", "oci://")


@click.command()
@click.option("--image", "image", required=True, metavar="FILE|URL", help="A bundle: a file, https://… or oci://HOST/NAME:TAG.")
@upgrade_options
@timeout_option("60m")
@node_options
@pass_settings
def command(settings: Settings, image: str, force: bool, stage: bool, window: float, no_wait: bool, timeout: float) -> None:
    """Upgrade a node to another version.

    The bundle is checked, the node drained, the slot that does not run written and started once. If the new version is not as
    healthy as the one before within its window, the old one comes back by itself. Ends with status 0 only when the new
    version has proved itself.
    """
    from api.generated import lifecycle_pb2 as pb

    if "://" in image and not image.startswith(ADDRESSES):
        raise click.UsageError(f"{image}: a bundle comes from a file, https://… or oci://…")
    clock = SystemClock()
    with settings.connect() as node, show_progress(clock) as say:
        source, bundle = image, ""
        if not image.startswith(ADDRESSES):
            path = Path(image)
            source, bundle = "uploaded", upload(node, path, show_bundle_progress(say, size_of(path)))
        request = pb.UpgradeRequest(source=source, bundle=bundle, force=force, stage=stage, window=window)
        name = node.upgrade(request)
        if not no_wait:
            wait_for(check_upgraded(node, name, staged=stage), timeout, clock, say)
        address = node.address
    click.echo(describe(str(address), stage=stage, waited=not no_wait))


def describe(address: str, *, stage: bool, waited: bool) -> str:
    """Return the last line."""
    if not waited:
        return f"{address} has begun; follow it with: ophite get upgradestatus"
    return f"{address} is prepared; the next reboot tries the new version" if stage else f"{address} runs the new version"


def size_of(path: Path) -> int:
    """Return a bundle's size in bytes. Raises `Failure` when there is no such file."""
    try:
        if not path.is_file():
            raise Failure(f"{path} is no file", "name a bundle: OUTPUT/ophite.bundle of `ophite image build`")
        return path.stat().st_size
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from None


def upload(node: "Node", path: Path, sent: Callable[[int], None]) -> str:
    """Send a bundle and return what names it. Raises `ClientError` with the node's reason, `Failure` for the file's."""
    try:
        return node.upload(read_pieces(path, sent)).bundle
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from None


def read_pieces(path: Path, sent: Callable[[int], None]) -> Iterator[bytes]:
    """Yield a file in pieces, and tell how many bytes were taken."""
    count = 0
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
            count += len(piece)
            sent(count)
