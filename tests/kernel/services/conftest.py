"""Runs a scenario in namespaces of its own, where the paths of a node are free to use."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from image.tools import fetch_tools

ROOT = Path(__file__).parents[3]
SECONDS = 120
Scenario = Callable[..., str]


@pytest.fixture
def run_scenario() -> Scenario:
    """Return a function that runs a script of this directory as PID 1's child of fresh namespaces and returns its output.

    Everything that the script started dies with it.
    """

    def run(script: str, args: Sequence[str | Path], seconds: float = SECONDS) -> str:
        unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        argv = [*unshare, sys.executable, str(Path(__file__).with_name(script)), *map(str, args)]
        done = subprocess.run(
            argv, cwd=ROOT, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def etcd_tree() -> Path:
    """Return the image's etcd, unpacked."""
    return fetch_tools(["etcd-server"])


@pytest.fixture(scope="session")
def containerd_tree() -> Path:
    """Return the image's containerd and runc, unpacked."""
    return fetch_tools(["containerd", "runc"])
