"""Runs an image as a node in Linux namespaces of this host: the same root image, the same PID 1, seconds instead of minutes.

Model: `python -m image.namespaces DIRECTORY` is the node's keeper. Its table of steps makes cgroups and a bridge, starts the
node's first process in fresh namespaces (`image.node_root`), and plugs in the network; then it waits. A node that reboots is
started again, one that powers off is not. Everything has a name derived from the cluster's, so `remove` cleans up after a
keeper that was killed too. Mounts need no cleaning: they live in the node's own mount namespace.
Trap: reboot(2) in a PID namespace ends its PID 1 with SIGHUP for reboot and SIGINT for power off; unshare(1) passes that on.
"""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

from image.cgroups import Cgroups
from image.errors import ImageError
from image.node_network import Command, NodeNetwork, find_links, run_ip
from image.node_root import NodeRoot
from image.process import Process
from image.run import get_program

UNSHARE = (
    *("--mount", "--uts", "--ipc", "--net", "--pid", "--propagation", "private"),
    *("--fork", "--kill-child=SIGKILL"),
)
POWER_OFF_SECONDS = 60.0
CHILD_SECONDS = 10.0
SOURCES = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Node:
    """A node in namespaces. `image` is the directory of a built image, `directory` holds the node's state and logs."""

    cluster: str
    directory: Path
    image: Path
    subnet: str
    command_line: str = ""

    @property
    def network(self) -> NodeNetwork:
        """Its bridge and cable."""
        return NodeNetwork(self.cluster, ipaddress.IPv4Network(self.subnet))

    @property
    def console(self) -> Path:
        """What PID 1 says."""
        return self.directory / "console.log"

    @property
    def process_file(self) -> Path:
        """Which process the keeper is."""
        return self.directory / "keeper.process"

    def find_keeper(self) -> Process | None:
        """The keeper's process, when it runs."""
        if not self.process_file.exists():
            return None
        process = Process.parse(self.process_file.read_text())
        return process if process.is_alive() else None

    def find_cgroups(self) -> Cgroups:
        """The node's control groups."""
        return Cgroups.find(self.network.bridge)

    def render(self) -> str:
        """As JSON, which `parse` reads back."""
        return json.dumps({**asdict(self), "directory": str(self.directory), "image": str(self.image)})

    @classmethod
    def parse(cls, text: str) -> Node:
        """The inverse of `render`."""
        fields = json.loads(text)
        return cls(**{**fields, "directory": Path(fields["directory"]), "image": Path(fields["image"])})


def plan_root(node: Node) -> NodeRoot:
    """What the node's root is made of."""
    words = ["ophite.platform=namespaces", "ophite.patience=1", node.network.kernel_argument, node.command_line]
    return NodeRoot(
        root_image=str(node.image / "root.erofs"),
        mount_point=str(node.directory / "root"),
        var=str(node.directory / "var"),
        state=str(node.directory / "state"),
        scratch=str(node.directory / "scratch"),
        cgroups=tuple(str(path) for path in node.find_cgroups().directories),
        command_line=" ".join(word for word in words if word),
    )


class Keeper:
    """Starts the node again and again until it powers off, and takes everything down when told to end."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._cgroups = node.find_cgroups()
        self._child: subprocess.Popen[str] | None = None
        self._ending = False

    def run(self) -> None:
        """Until the node powers off or SIGTERM comes."""
        signal.signal(signal.SIGTERM, self._end)
        while not self._ending:
            for step in (
                self._clean,
                self._make_directories,
                self._make_cgroups,
                self._make_bridge,
                self._start,
                self._plug_in,
            ):
                step()
            if self._wait() != -signal.SIGHUP:
                break
        self._clean()

    def _end(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._ending = True
        if self._child is not None:
            self._child.kill()

    def _clean(self) -> None:
        clean(self._node)

    def _make_directories(self) -> None:
        root = plan_root(self._node)
        for name in (root.mount_point, root.var, root.state, root.scratch):
            Path(name).mkdir(parents=True, exist_ok=True)
        (self._node.directory / "root.json").write_text(root.render())

    def _make_cgroups(self) -> None:
        self._cgroups.make()

    def _make_bridge(self) -> None:
        execute(self._node.network.plan_bridge())

    def _start(self) -> None:
        argv = [
            get_program("unshare"),
            *UNSHARE,
            sys.executable,
            "-m",
            "image.node_root",
            str(self._node.directory / "root.json"),
        ]
        with self._node.console.open("ab") as console:
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=console,
                stderr=console,
                cwd="/",
                env={**os.environ, "PYTHONPATH": str(SOURCES)},
                text=True,
            )

    def _plug_in(self) -> None:
        child = self._child
        if child is None or child.stdin is None:
            raise ImageError("the node was not started")
        execute(self._node.network.plan_cable(find_only_child(child.pid)))
        child.stdin.write("go\n")
        child.stdin.close()

    def _wait(self) -> int:
        return self._child.wait() if self._child is not None else 0


def find_only_child(pid: int) -> int:
    """The child of unshare(1): the node's PID 1 as the host numbers it; raises `ImageError` when it does not come."""
    deadline = time.monotonic() + CHILD_SECONDS
    while time.monotonic() < deadline:
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except FileNotFoundError:
            break
        if children:
            return int(children[0])
        time.sleep(0.01)
    raise ImageError(
        "the node's namespaces could not be made", "see console.log; user, mount and PID namespaces must be allowed"
    )


def execute(commands: list[Command]) -> None:
    """Run planned ip(8) calls in their order."""
    for _, *words in commands:
        run_ip(*words)


def clean(node: Node) -> None:
    """Remove everything on the host that belongs to the node and is no file in its directory: processes, cgroups, links."""
    steps: tuple[Callable[[], None], ...] = (
        node.find_cgroups().remove,
        lambda: execute(node.network.plan_removal(find_links())),
    )
    for step in steps:
        step()


def start(node: Node) -> None:
    """Start the node's keeper in the background; raises `ImageError`."""
    if os.geteuid() != 0:
        raise ImageError("a node in namespaces needs root", "run it as root, or use --provisioner qemu")
    if not (node.image / "root.erofs").exists():
        raise ImageError(f"{node.image / 'root.erofs'}: no such file", "build it with: make image")
    if node.find_keeper() is not None:
        raise ImageError(f"{node.cluster} runs already", "ophite cluster show")
    node.directory.mkdir(parents=True, exist_ok=True)
    (node.directory / "node.json").write_text(node.render())
    argv = [sys.executable, "-m", "image.namespaces", str(node.directory)]
    process = Process.start(argv, cwd=SOURCES, log=node.directory / "keeper.log")
    node.process_file.write_text(process.render())


def stop(node: Node) -> None:
    """End the node at once, as by pulling the plug, and remove all that it left on the host; its files stay."""
    keeper = node.find_keeper()
    if keeper is not None:
        keeper.signal(signal.SIGTERM)
        if not keeper.wait(POWER_OFF_SECONDS):
            keeper.stop()
    clean(node)
    node.process_file.unlink(missing_ok=True)


def main() -> None:
    """Keep the node whose directory is the argument."""
    Keeper(Node.parse((Path(sys.argv[1]) / "node.json").read_text())).run()


if __name__ == "__main__":
    main()
