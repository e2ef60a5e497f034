"""A node in one process: a store, the brain's operations on a socket, and the real API server on the loopback device."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import msgspec

from api.client.address import Address
from api.client.connect import connect, connect_insecure
from api.client.node import Node
from api.client.tls import Identity
from api.server.face import Face
from api.server.gate import Mode
from controllers.machine.operations import methods
from controllers.ports import Paths, Ports
from controllers.resources.machine import ConfigStatus, PlatformInfo, VersionInfo
from controllers.resources.pki import ApiServing
from controllers.runtime.memory import MemoryStore
from controllers.runtime.resource import new, replace
from controllers.runtime.wire_server import WireServer
from tests.harness.authority import Authority, Pair, self_signed

T = TypeVar("T")
PATIENCE = 20.0  # seconds; nothing here waits that long unless it is broken

VERSION = VersionInfo(version="1.2.3", kubernetes="1.20.2", kernel="6.12", board="generic", arch="amd64", built=1700000000)


@dataclass
class FakeNode:
    """What a test sees of the node."""

    root: Path
    store: MemoryStore = field(default_factory=MemoryStore)
    authority: Authority = field(default_factory=Authority)
    maintenance: Pair = field(default_factory=self_signed)
    brain: WireServer | None = None
    face: Face | None = None
    task: asyncio.Task[None] | None = None

    @property
    def address(self) -> Address:
        """Where the API is."""
        assert self.face is not None
        return Address("127.0.0.1", self.face.listener.port)

    async def start_brain(self) -> None:
        """Listen on the brain's socket."""
        table = methods(self.store, Ports(paths=Paths(self.root)))
        mine = [msgspec.structs.replace(method, uids=frozenset({os.getuid()})) for method in table]
        self.brain = WireServer(self.root / "brain.sock", mine)
        await self.brain.start()

    async def kill_brain(self) -> None:
        """End the brain as if it had died; its store lives on in this fake."""
        assert self.brain is not None
        await self.brain.close()

    async def start(self) -> None:
        """Start brain and face."""
        await self.start_brain()
        self.face = Face(self.root / "brain.sock", ("127.0.0.1:0",), patience=0.2)
        self.task = asyncio.create_task(self.face.run())

    async def close(self) -> None:
        """End everything."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        await self.kill_brain()

    async def set_serving(self, mode: Mode, pair: Pair | None = None) -> None:
        """Say what to serve with, and wait until the face does."""
        assert self.face is not None
        pair = pair or (self.maintenance if mode is Mode.MAINTENANCE else self.authority.server())
        client_ca = self.authority.pem if mode is Mode.SECURE else ""
        spec = ApiServing(
            mode=mode.value,
            certificate=pair.certificate,
            key=pair.key,
            client_ca=client_ca,
            fingerprint=pair.fingerprint,
        )
        async with self.face.served:
            before = await self.store.find(ApiServing, "api")
            if before is None:
                await self.store.create(new("api", spec))
            else:
                await self.store.update(replace(before, spec))
            async with asyncio.timeout(PATIENCE):
                await self.face.served.wait()

    def secure(self, *organizations: str) -> Node:
        """Return the node as a client with these organizations in its certificate sees it."""
        pair = self.authority.client(*organizations)
        return connect(self.address, Identity(self.authority.pem, pair.certificate, pair.key))

    async def insecure(self) -> Node:
        """Return the node as somebody sees it who believes what it shows."""
        return (await run(connect_insecure, self.address)).node


async def run(call: Callable[..., T], *args: object) -> T:
    """Run a blocking call of the client in a thread, within limits."""
    async with asyncio.timeout(PATIENCE):
        return await asyncio.to_thread(call, *args)


@asynccontextmanager
async def running_node() -> AsyncIterator[FakeNode]:
    """A node that serves nothing yet."""
    with TemporaryDirectory(prefix="ophite") as directory:  # unix(7): 108 bytes of path, which pytest's own may exceed
        node = FakeNode(Path(directory))
        await node.store.create(new("version", VERSION))
        await node.store.create(new("platform", PlatformInfo(platform="metal", boot_id="boot-1")))
        await node.store.create(new("config", ConfigStatus()))
        await node.start()
        try:
            yield node
        finally:
            await node.close()
