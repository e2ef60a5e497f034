"""Images, clusters and commands for the tests that run whole nodes.

The image is the normal one with one container image more: busybox in `ophite.local/test:1`, so that a pod needs no registry.
The build is cached by content; a second call takes seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from image import cluster
from image.cluster_state import Cluster, get_cluster
from image.errors import ImageError
from image.formats.oci import Entry, Image, encode_image
from image.qmp import Qmp
from image.run import get_program

PROJECT = Path(__file__).resolve().parents[2]
BUILD = PROJECT / "build"
IMAGE = BUILD / "test-image"
TEST_IMAGE = "ophite.local/test:1"
BUILD_SECONDS = 3600.0  # with cold caches it builds Kubernetes from source
LOOK = 1.0  # seconds between two looks at the processors

Say = Callable[[str], None]


def make_test_archive(path: Path) -> Path:
    """An OCI archive of the host's static busybox, under each applet's name that the tests use."""
    busybox = Path(get_program("busybox")).read_bytes()
    entries = {"bin/busybox": Entry(busybox, 0o755), "tmp": Entry(None, 0o1777), "proc": Entry(None, 0o755)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_image(Image(TEST_IMAGE, "amd64", entries, ("/bin/busybox",))))
    return path


def build_test_image(say: Say) -> Path:
    """The image that node and VM tests run; its directory."""
    archive = make_test_archive(BUILD / "test-busybox.tar")
    say("building the test image")
    argv = [sys.executable, "-m", "image.build", "--output", str(IMAGE), "--preload", str(archive)]
    run_logged(argv, BUILD / "test-image.log", BUILD_SECONDS)
    return IMAGE


def run_logged(argv: list[str], log: Path, timeout: float) -> None:
    """Run a program with its output in a file; the end of it is in the failure."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        done = subprocess.run(argv, cwd=PROJECT, stdout=file, stderr=file, timeout=timeout, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}\n{log.read_text(errors='replace')[-4000:]}"


@dataclass(frozen=True)
class Running:
    """A cluster that runs, and its two command lines."""

    cluster: Cluster
    say: Say

    @property
    def console(self) -> str:
        """What the node said so far."""
        path = self.cluster.node_directory / "console.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def ophite(self, *words: str, timeout: float = 600, check: bool = True) -> str:
        """Run `ophite` against the node with the cluster's own credentials; its standard output."""
        argv = [sys.executable, "-m", "api.cli", "--ophiteconfig", str(self.cluster.ophiteconfig), *words]
        return run_command(argv, timeout, check=check)

    def kubectl(self, *words: str, stdin: str = "", timeout: float = 600, check: bool = True) -> str:
        """Run `kubectl` against the node; its standard output."""
        argv = [str(find_kubectl()), "--kubeconfig", str(self.cluster.kubeconfig), *words]
        return run_command(argv, timeout, stdin=stdin, check=check)

    def get(self, kind: str, *words: str) -> list[dict[str, Any]]:
        """The resources of a kind, as the API gives them."""
        value = json.loads(self.ophite("get", kind, *words, "-o", "json"))
        return value if isinstance(value, list) else [value]

    def inspect(self, what: str) -> list[dict[str, Any]]:
        """The node's `processes`, `sockets` or `mounts`, as the API gives them."""
        value: list[dict[str, Any]] = json.loads(self.ophite("inspect", what, "-o", "json"))
        return value

    def fetch_kubeconfig(self) -> None:
        """Get the administrator's kubeconfig, with the address that this host reaches the node by."""
        self.ophite("kubeconfig", str(self.cluster.kubeconfig))
        text = self.cluster.kubeconfig.read_text()
        self.cluster.kubeconfig.write_text(cluster.render_kubeconfig(text, self.cluster.kubernetes))

    def save_artifacts(self, directory: Path) -> None:
        """Keep what explains a failure: console, processors, kernel log, and every resource that the API still gives."""
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        save_registers(self.cluster.node_directory / "qmp.sock", directory / "registers.txt")
        for path in self.cluster.node_directory.glob("*.log"):
            shutil.copyfile(path, directory / path.name)
        for name, words in ARTIFACT_COMMANDS.items():
            try:
                text = self.ophite(*words, timeout=120, check=False)
            except subprocess.TimeoutExpired:
                return  # nothing answers any more
            (directory / name).write_text(text)
            if "did not answer" in text:
                return


def save_registers(socket: Path, target: Path) -> None:
    """Write down where the processors of a machine are, twice: who hangs before the first word is seen nowhere else."""
    with suppress(ImageError), Qmp(socket) as machine, target.open("w") as file:
        for _ in range(2):
            file.write(machine.execute("human-monitor-command", **{"command-line": "info registers -a"}))
            time.sleep(LOOK)


ARTIFACT_COMMANDS = {
    "dmesg.txt": ("dmesg",),
    "services.txt": ("services",),
    "machinestatus.yaml": ("get", "machinestatus", "-o", "yaml"),
    "controllerstatus.txt": ("get", "controllerstatus"),
    "servicestatus.yaml": ("get", "servicestatus", "-o", "yaml"),
    "controllers.log": ("logs", "controllers"),
    "api.log": ("logs", "api"),
    "kubelet.log": ("logs", "kubelet"),
    "etcd.log": ("logs", "etcd"),
    "containerd.log": ("logs", "containerd"),
}


def run_command(argv: list[str], timeout: float, *, stdin: str = "", check: bool = True) -> str:
    """Run a program; its standard output, or its whole output when it may fail."""
    environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": str(PROJECT), "NO_COLOR": "1", "COLUMNS": "200"}
    done = subprocess.run(
        argv, input=stdin, capture_output=True, text=True, timeout=timeout, env=environment, cwd=PROJECT, check=False
    )
    if check:
        assert done.returncode == 0, f"{' '.join(argv)}: exit status {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout
    return done.stdout + done.stderr


def find_kubectl() -> Path:
    """The kubectl of the Kubernetes that the image was built with."""
    return Path(run_command([sys.executable, "-m", "image.kubernetes"], 600).strip()) / "kubectl"


def create(say: Say, name: str, *words: str) -> Running:
    """Create a cluster by its command; what it prints is kept in its log."""
    argv = [sys.executable, "-m", "image.cluster", "create", "--name", name, "--image-dir", str(IMAGE), *words]
    run_logged(argv, BUILD / f"create-{name}.log", 3600)
    return Running(get_cluster(name), say)


def destroy(name: str) -> None:
    """Remove a cluster, whatever state it is in."""
    assert cluster.main(["destroy", "--name", name]) == 0


def wait_for(what: str, check: Callable[[], object], seconds: float, pause: float = 1.0) -> float:
    """Wait until `check` gives something true, and say how long that took; a failing check is tried again until the end."""
    began = time.monotonic()
    last = "nothing yet"
    while (passed := time.monotonic() - began) < seconds:
        try:
            if found := check():
                return passed
            last = repr(found)
        except (AssertionError, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
            last = str(error)
        time.sleep(pause)
    raise AssertionError(f"{what}: not within {seconds:.0f} s; last: {last}")
