"""A node's PID 1 in namespaces of this host, and a plain client of its control socket."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

CGROUPS = Path("/sys/fs/cgroup")
REPOSITORY = Path(__file__).parents[3]
NAMESPACES = ("--pid", "--mount", "--net", "--uts", "--ipc", "--cgroup")
UNSHARE = ["unshare", *NAMESPACES, "--fork", "--kill-child", "--propagation", "private", "--mount-proc"]
LIMIT = 20.0  # seconds that any wait may take


class Client:
    """One connection to the control socket."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(LIMIT)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise

    def send(self, **request: Any) -> None:
        self.socket.send(json.dumps(request).encode())

    def receive(self) -> dict[str, Any]:
        message = json.loads(self.socket.recv(1 << 18))
        assert isinstance(message, dict)
        return message

    def ask(self, **request: Any) -> dict[str, Any]:
        self.send(**request)
        return self.receive()

    def close(self) -> None:
        self.socket.close()


class Node:
    """A running PID 1 with what a test asks about it."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process, self.log = process, log
        self.init = self._find_init()
        self.control = self.inner("/run/ophite/control.sock")
        self._clients: list[Client] = []
        wait_until(lambda: self.has_control(), "the control socket")

    def has_control(self) -> bool:
        """Does it listen? The socket's name is there a moment before."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            Client(str(self.control)).close()
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True

    def inner(self, path: str) -> Path:
        """A path of the node, seen from outside."""
        return Path(f"/proc/{self.init}/root{path}")

    def client(self) -> Client:
        client = Client(str(self.control))
        self._clients.append(client)
        return client

    def ask(self, **request: Any) -> dict[str, Any]:
        client = self.client()
        answer = client.ask(**request)
        client.close()
        return answer

    def services(self) -> dict[str, dict[str, Any]]:
        return {service["id"]: service for service in self.ask(op="list")["services"]}

    def wait_state(self, id: str, state: str) -> dict[str, Any]:
        wait_until(lambda: self.services().get(id, {}).get("state") == state, f"{id} {state}: {self.log.read_text()}")
        return self.services()[id]

    def host_pid(self, pid: int) -> int:
        """The pid outside of a process that has `pid` inside."""
        for status in Path("/proc").glob("[0-9]*/status"):
            with suppress(OSError):
                numbers = next((line.split()[1:] for line in status.read_text().splitlines() if line.startswith("NSpid:")), [])
                if len(numbers) == 2 and numbers[1] == str(pid) and self._is_inside(status.parent):
                    return int(status.parent.name)
        raise AssertionError(f"no process {pid} in the namespace")

    def inside(self) -> list[Path]:
        return [path for path in Path("/proc").glob("[0-9]*") if self._is_inside(path)]

    def status(self, pid: int) -> dict[str, str]:
        text = Path(f"/proc/{self.host_pid(pid)}/status").read_text()
        return {key: value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.process.kill()
        self.process.wait()

    def _is_inside(self, path: Path) -> bool:
        with suppress(OSError):
            return (path / "ns/pid").readlink() == Path(f"/proc/{self.init}/ns/pid").readlink()
        return False

    def _find_init(self) -> int:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        wait_until(lambda: bool(children.read_text().split()), "the namespaces")
        return int(children.read_text().split()[0])


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, f"waited {LIMIT:.0f} s for {what}"
        time.sleep(0.02)


def hierarchies() -> list[Path]:
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [path for path in CGROUPS.iterdir() if path.is_dir() and not path.is_symlink()]


@pytest.fixture
def groups() -> Iterator[list[Path]]:
    """A control group in every hierarchy, removed with all that is below it."""
    made = [path / f"ophite-test-{os.getpid()}" for path in hierarchies()]
    for path in made:
        path.mkdir()
        for name in ("cpuset.cpus", "cpuset.mems"):
            with suppress(OSError):
                (path / name).write_text((path.parent / name).read_text())
    yield made
    for path in made:
        for directory, _, _ in os.walk(path, topdown=False):
            wait_until(lambda directory=directory: _removed(Path(directory)), f"{directory} to be empty")  # type: ignore[misc]


def _removed(directory: Path) -> bool:
    with suppress(OSError):
        directory.rmdir()
    return not directory.exists()


@pytest.fixture
def start_node(tmp_path: Path, groups: list[Path]) -> Iterator[Callable[..., Node]]:
    """Start PID 1 with words on its kernel command line."""
    nodes: list[Node] = []

    def start(*words: str) -> Node:
        cmdline, log = tmp_path / "cmdline", tmp_path / "log"
        cmdline.write_text(" ".join(("ophite.platform=namespaces", *words)))
        procs = [str(path / "cgroup.procs") for path in groups]
        join = f"import os,sys\nfor p in {procs!r}: open(p, 'w').write('0')\nos.execvp(sys.argv[1], sys.argv[1:])"
        pid1 = ["/usr/bin/python3", "-I", "-S", str(Path(__file__).with_name("pid1.py")), str(REPOSITORY), str(cmdline)]
        with log.open("wb") as output:
            argv = ["/usr/bin/python3", "-I", "-S", "-c", join, *UNSHARE, *pid1]
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        nodes.append(Node(process, log))
        return nodes[-1]

    yield start
    for node in nodes:
        node.close()


@pytest.fixture
def node(start_node: Callable[..., Node]) -> Node:
    return start_node()
