"""The keeper of nodes in namespaces, with a shell script in the place of PID 1: reboot, power off, crash, clean-up."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from image import namespaces
from image.errors import ImageError
from image.namespaces import Node
from image.node_network import find_subnet, find_used_networks
from image.run import get_program, run
from tests.harness.leftovers import Leftovers
from tests.harness.nodes import wait_for

pytestmark = [pytest.mark.node, pytest.mark.kernel, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

DIRECTORIES = ("dev", "proc", "sys", "run", "tmp", "var", "state", "bin", "usr/bin")
NAME = "keeper"
MakeNode = Callable[[str], Node]
PID1 = """\
#!/bin/busybox sh
b=/bin/busybox
echo "pid $$, arguments $*"
$b cat /proc/cmdline
$b grep ' / ' /proc/mounts
echo 0 > /proc/sys/vm/swappiness
$b mount -t sysfs sys /sys
$b ip address add $($b sed 's/.*ip=\\([0-9.]*\\):.*/\\1/' /proc/cmdline)/24 dev eth0
$b ip link set eth0 up
$b cat /proc/self/cgroup
echo ready
case $($b cat /proc/cmdline) in
*do=reboot*) [ -e /state/again ] || { $b touch /state/again; $b reboot -f; }; $b poweroff -f ;;
*do=poweroff*) $b poweroff -f ;;
esac
exec $b sleep 1000
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image whose interpreter is a script."""
    directory = tmp_path_factory.mktemp("image")
    root = directory / "tree"
    for name in DIRECTORIES:
        (root / name).mkdir(parents=True)
    shutil.copy(get_program("busybox"), root / "bin/busybox")
    program = root / "usr/bin/python3.13"
    program.write_text(PID1)
    program.chmod(0o755)
    run([get_program("mkfs.erofs"), directory / "root.erofs", root])
    return directory


@pytest.fixture
def before(tmp_path: Path) -> Leftovers:
    """The host before the node."""
    return Leftovers.take(NAME, tmp_path)


@pytest.fixture
def make_node(tmp_path: Path, image: Path, before: Leftovers) -> Iterator[MakeNode]:
    """Makes nodes; whatever happens, they are gone at the end and nothing is left."""
    made: list[Node] = []

    def make(do: str) -> Node:
        subnet = str(find_subnet(find_used_networks()))
        made.append(Node(NAME, tmp_path / "node", image, subnet, f"do={do}"))
        return made[-1]

    yield make
    for node in made:
        namespaces.stop(node)
    assert Leftovers.take(NAME, tmp_path) == before


def wait_until_ready(node: Node) -> None:
    wait_for("the node", lambda: node.console.exists() and "ready" in node.console.read_text(), 30, 0.05)


def find_neighbour(node: Node) -> bool:
    """Does the node's address answer? A refused connection is an answer too."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((node.network.node_address, 9)) == errno.ECONNREFUSED


def test_the_node_is_pid_1_in_its_own_world(make_node: MakeNode) -> None:
    node = make_node("stay")
    namespaces.start(node)
    wait_until_ready(node)
    console = node.console.read_text()
    assert "pid 1, arguments -I -S /usr/lib/ophite/init/__main__.pyc" in console
    assert "ophite.platform=namespaces ophite.patience=1 ip=" in console
    assert " / erofs ro," in console
    assert "swappiness: Read-only file system" in console
    assert all(line.endswith(":/") for line in console.splitlines() if line[:1].isdigit() and ":" in line and "eth" not in line)
    wait_for("an answer", lambda: find_neighbour(node), 10)
    with pytest.raises(ImageError, match="runs already"):
        namespaces.start(node)


def test_reboot_starts_it_again_and_power_off_ends_it(make_node: MakeNode, tmp_path: Path, before: Leftovers) -> None:
    node = make_node("reboot")
    namespaces.start(node)
    keeper = node.find_keeper()
    assert keeper is not None
    assert keeper.wait(30)
    assert node.console.read_text().count("ready") == 2
    assert Leftovers.take(NAME, tmp_path) == before


def test_a_killed_keeper_leaves_nothing_once_the_node_is_stopped(make_node: MakeNode) -> None:
    node = make_node("stay")
    namespaces.start(node)
    wait_until_ready(node)
    keeper = node.find_keeper()
    assert keeper is not None
    keeper.signal(signal.SIGKILL)
    assert keeper.wait(10)


def test_without_an_image_nothing_is_started(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"root\.erofs: no such file"):
        namespaces.start(Node("none", tmp_path, tmp_path, "10.66.0.0/24"))
