"""The API server as PID 1 starts it: isolated interpreter, own user, no capabilities, nothing but its tree on the path."""

import asyncio
import os
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from api.client.address import Address
from api.client.connect import connect_insecure
from controllers.machine.operations import methods
from controllers.machine.operations.table import API_UID
from controllers.ports import Ports
from controllers.resources.pki import ApiServing
from controllers.runtime.memory import MemoryStore
from controllers.runtime.resource import new
from controllers.runtime.wire_server import WireServer
from tests.harness.authority import self_signed

pytestmark = pytest.mark.kernel

TREE = Path(__file__).parents[3]
PATIENCE = 30.0  # seconds


@pytest.fixture
async def brain() -> AsyncIterator[Path]:
    """A brain's socket that the API's user may use, in a directory of its own."""
    with TemporaryDirectory(prefix="ophite") as directory:
        root = Path(directory)
        root.chmod(0o755)  # noqa: ASYNC240 - a temporary directory does not block
        store = MemoryStore()
        pair = self_signed()
        spec = ApiServing(
            mode="maintenance", certificate=pair.certificate, key=pair.key, client_ca="", fingerprint=pair.fingerprint
        )
        await store.create(new("api", spec))
        server = WireServer(root / "brain.sock", methods(store, Ports()), mode=0o660, gid=API_UID)
        await server.start()
        try:
            yield root
        finally:
            await server.close()


def bind_tree(tree: Path) -> str:
    """Return the commands that lay the node's layout out: our packages, and the wheels beside them.

    They are mounts, not links: the API's user need not be able to walk to where the checkout is.
    """
    sources = {name: TREE / name for name in ("api", "controllers", "init")}
    sources["site-packages"] = Path(sysconfig.get_path("purelib"))
    return " && ".join(f"mkdir -p {tree / name} && mount --bind {path} {tree / name}" for name, path in sources.items())


def argv_of(root: Path) -> list[str]:
    """Return how to run it in namespaces of its own, with the brain's socket where a node has it."""
    tree = root / "tree"
    inside = (
        f"{bind_tree(tree)} && "
        f"mount -t tmpfs none /run && mkdir /run/ophite && mount --bind {root} /run/ophite && ip link set lo up && "
        f"exec setpriv --reuid {API_UID} --regid {API_UID} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "
        f"{sys.executable} -I -S {tree}/api/server/__main__.py"
    )
    return ["unshare", "--net", "--mount", "sh", "-c", inside]


async def test_serves_as_an_unprivileged_user(brain: Path) -> None:
    process = await asyncio.create_subprocess_exec(*argv_of(brain), stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        seen = b""
        async with asyncio.timeout(PATIENCE):
            while b"serving on port 50000, mode maintenance" not in seen:
                line = await process.stderr.readline()
                assert line, seen.decode()
                seen += line
        status = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())  # noqa: ASYNC240 - procfs does not block
        assert set(status["Uid"].split()) == {str(API_UID)}
        assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
        assert status["NoNewPrivs"].strip() == "1"
        assert await asyncio.to_thread(ask_version, process.pid) == "maintenance"
    finally:
        process.terminate()
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0


def ask_version(pid: int) -> str:
    """Return the mode that the server in another network namespace says, asked by a child in that namespace."""
    code = "import sys; from tests.kernel.api.test_process import ask_here; sys.stdout.write(ask_here())"
    argv = ["nsenter", "--target", str(pid), "--net", sys.executable, "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=PATIENCE, cwd=TREE, env={**os.environ})
    return done.stdout


def ask_here() -> str:
    """Return the mode that the server on this network's loopback device says."""
    with connect_insecure(Address("127.0.0.1")).node as node:
        return node.version().mode
