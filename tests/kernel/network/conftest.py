"""A network of its own for each test: this thread moves into new network and UTS namespaces, and back afterwards."""

import asyncio
import contextlib
import ctypes
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from controllers.network import controllers
from controllers.ports import Paths, Ports
from controllers.resources.machine import FileStatus, PlatformInfo
from controllers.runtime.clock import SystemClock
from controllers.runtime.engine import Engine
from controllers.runtime.memory import MemoryStore
from controllers.runtime.resource import Resource, S, Spec, new
from controllers.runtime.store import Change

CLONE_NEWUTS, CLONE_NEWNET = 0x04000000, 0x40000000  # linux/sched.h
_libc = ctypes.CDLL(None, use_errno=True)


def ip(*args: str) -> str:
    """Run ip(8) here."""
    return subprocess.run(["ip", *args], check=True, capture_output=True, text=True, timeout=10).stdout


@pytest.fixture
def isolated() -> Iterator[None]:
    """Be in fresh network and UTS namespaces."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    homes = [
        (os.open(f"/proc/thread-self/ns/{name}", os.O_RDONLY), flag)
        for name, flag in (("net", CLONE_NEWNET), ("uts", CLONE_NEWUTS))
    ]
    assert _libc.unshare(CLONE_NEWNET | CLONE_NEWUTS) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        for home, flag in homes:
            assert _libc.setns(home, flag) == 0, os.strerror(ctypes.get_errno())
            os.close(home)


@pytest.fixture
def cable(isolated: None) -> Iterator[int]:
    """A veth cable: `eth0` here, `far0` (192.0.2.1/24, up) in another namespace, whose process id is returned."""
    with subprocess.Popen(["unshare", "-n", "sh", "-c", "echo ready; exec sleep 300"], stdout=subprocess.PIPE) as far:
        assert far.stdout is not None
        assert far.stdout.readline() == b"ready\n"
        try:
            ip("link", "add", "eth0", "type", "veth", "peer", "name", "far0", "netns", str(far.pid))
            far_ip(far.pid, "addr", "add", "192.0.2.1/24", "dev", "far0")
            far_ip(far.pid, "link", "set", "far0", "up")
            yield far.pid
        finally:
            far.kill()


def far_ip(pid: int, *args: str) -> None:
    """Run ip(8) in the namespace of a process."""
    subprocess.run(["nsenter", "-t", str(pid), "-n", "ip", *args], check=True, capture_output=True, timeout=10)


def await_lines(log: Path, text: bytes, process: "subprocess.Popen[bytes]") -> None:
    """Return once a process has logged a text; fail when it ends or takes more than ten seconds."""
    for _ in range(200):
        if text in log.read_bytes():
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            break
    pytest.fail(f"{process.args!r} said only {log.read_bytes()!r}")


@pytest.fixture
def dhcp_server(cable: int, tmp_path: Path) -> Iterator[int]:
    """dnsmasq at the far end of the cable."""
    argv = ["nsenter", "-t", str(cable), "-n", "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0"]
    argv += ["--interface=far0", "--bind-interfaces", "--dhcp-range=192.0.2.50,192.0.2.60,255.255.255.0,120"]
    argv += ["--dhcp-option=option:router,192.0.2.1", "--dhcp-option=option:dns-server,192.0.2.53,192.0.2.54"]
    argv += ["--dhcp-option=option:ntp-server,192.0.2.123", "--dhcp-option=26,1400", "--domain=example.com"]
    argv += ["--dhcp-option-force=12,leased", "--user=root", "--no-ping", "--dhcp-authoritative", "--log-dhcp"]
    argv += [f"--dhcp-leasefile={tmp_path}/leases", f"--pid-file={tmp_path}/pid"]
    log = (tmp_path / "dnsmasq.log").open("wb")
    with log, subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT) as server:
        try:
            await_lines(tmp_path / "dnsmasq.log", b"DHCP, sockets bound", server)
            yield server.pid
        finally:
            server.terminate()
            server.wait(10)


class Node:
    """The network controllers on a store, on the kernel of this namespace."""

    def __init__(self, tmp_path: Path) -> None:
        self.store = MemoryStore(SystemClock())
        self.engine = Engine(self.store, SystemClock())
        self.engine.register(controllers(Ports(paths=Paths(tmp_path))))

    async def put(self, id_: str, spec: Spec) -> None:
        """Create a resource."""
        await self.store.create(new(id_, spec))

    async def remove(self, type_: type[Spec], id_: str) -> None:
        """Destroy a resource that nobody holds."""
        await self.store.teardown(type_, id_)
        await self.store.destroy(type_, id_)

    async def until(
        self, type_: type[S], id_: str, holds: Callable[[S], bool] = lambda spec: True, seconds: float = 15
    ) -> Resource[S]:
        """Return a resource once it is there and `holds`."""
        async with asyncio.timeout(seconds):
            async for event in self.store.watch(type_, id_):
                if event.change in (Change.CREATED, Change.UPDATED) and event.resource and holds(event.resource.spec):
                    return event.resource
        raise AssertionError("the watch ended")

    async def gone(self, type_: type[Spec], id_: str, seconds: float = 15) -> None:
        """Return once a resource is not there."""
        async with asyncio.timeout(seconds):
            async for event in self.store.watch(type_, id_):
                if event.change is Change.DESTROYED:
                    return
                if event.change is Change.BOOKMARK and await self.store.find(type_, id_) is None:
                    return


@pytest.fixture
async def node(isolated: None, tmp_path: Path) -> AsyncIterator[Node]:
    """The controllers at work, with the platform known."""
    found = Node(tmp_path)
    await found.put("platform", PlatformInfo(platform="metal"))
    for name in ("hostname", "hosts", "resolv.conf"):
        await found.put(f"/run/ophite/etc/{name}", FileStatus(path=f"/run/ophite/etc/{name}"))
    await found.engine.start()
    yield found
    await found.engine.close(5)
