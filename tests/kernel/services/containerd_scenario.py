"""A real containerd with our configuration takes an image archive, once. Argument: the tree of programs."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from controllers.machine import programs
from controllers.ports import Paths, Ports
from controllers.resources.machine import PlatformInfo
from controllers.resources.services import ImageImport, ServiceHealth
from controllers.runtime.resource import new
from controllers.services.containerd_config import CONFIG_PATH, PAUSE_IMAGE, SOCKET, ContainerdConfigController
from controllers.services.health import Probe, check_containerd
from controllers.services.image_import import ImageImportController
from image.arch import get_host_arch
from image.formats.oci import Entry, Image, encode_image
from image.tools import loader_argv
from tests.harness.reconcile import run_reconcile, run_reconcile_async
from tests.kernel.services.private_node import eventually, prepare, write_files

NODE = Path("/run/node")
HEALTHY = new("containerd", ServiceHealth(healthy=True))


class Ctr:
    """Runs the tree's ctr and counts the commands."""

    def __init__(self, tree: Path) -> None:
        self._program = loader_argv(tree, "usr/bin/ctr")
        self.commands: list[str] = []

    async def __call__(self, argv: Sequence[str], seconds: float) -> str:
        self.commands.append(argv[4])
        return (await programs.run([*self._program, *argv[1:]], timeout=seconds)).text


def start(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """Run a program beside us."""
    return subprocess.Popen(argv, stderr=subprocess.DEVNULL)


async def main() -> None:
    """Start containerd, import, import again."""
    tree = prepare(sys.argv[1])
    (config,) = run_reconcile(ContainerdConfigController(Ports()), [new("platform", PlatformInfo(platform="namespaces"))])
    write_files([config])
    process = start([*loader_argv(tree, "usr/bin/containerd"), "--config", CONFIG_PATH])
    await eventually(lambda: check_containerd(Probe(SOCKET, None, 5.0)), "containerd healthy")

    ports = Ports(paths=Paths(NODE))
    ports.paths.images.mkdir(parents=True)
    image = Image(PAUSE_IMAGE, get_host_arch().name, {"pause": Entry(b"#!", 0o755)}, ("/pause",))
    (ports.paths.images / "pause.tar").write_bytes(encode_image(image))
    (ports.paths.images / "broken.tar").write_bytes(encode_image(image)[:600])
    ctr = Ctr(tree)
    for _ in range(2):
        wanted = {w.id: w.spec for w in await run_reconcile_async(ImageImportController(ports, ctr), [HEALTHY])}
        assert wanted["pause.tar"] == ImageImport(images=(PAUSE_IMAGE,)), wanted
        assert isinstance(wanted["broken.tar"], ImageImport)
        assert wanted["broken.tar"].error
    assert ctr.commands == ["list", "import", "label", "list"], ctr.commands
    listing = await ctr(["", "--namespace", "k8s.io", "images", "list"], 30.0)
    assert "io.cri-containerd.pinned=pinned" in listing, listing
    snapshots = await ctr(["", "--namespace", "k8s.io", "snapshots", "--snapshotter", "overlayfs", "list"], 30.0)
    assert "Committed" in snapshots, snapshots
    process.terminate()
    process.wait(30)


asyncio.run(main())
