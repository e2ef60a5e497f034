"""What an upgrade does to this machine: the bundle that is spooled on EPHEMERAL, and the slots of the disk that it runs from.

Everything blocks and runs in a thread; progress is told on the event loop. What does the work is imported when it is first
needed, there: a brain that starts has other things to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from controllers.lifecycle.errors import BundleError
from controllers.lifecycle.layout import Slot
from controllers.lifecycle.ports import Opened
from controllers.lifecycle.progress import Say
from controllers.ports import Ports
from controllers.resources.lifecycle import SlotStatus
from controllers.resources.machine import VersionInfo
from init.linux.mount import read_mounts

if TYPE_CHECKING:
    from controllers.lifecycle.bundle import Bundle, Manifest
    from controllers.lifecycle.bundle_spool import Spool
    from controllers.lifecycle.slot_work import MountEsp, SlotWork


class NodeBundles:
    """Keeps `BundlePort`: one bundle in `/var/lib/ophite/bundle`."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._path = ports.paths.var / "lib/ophite/bundle"
        self._keys = ports.paths / "usr/share/ophite/keys"
        self._bundle: Bundle | None = None

    @property
    def bundle(self) -> Bundle:
        """The bundle that was opened. Raises `BundleError` when none was."""
        if self._bundle is None:
            raise BundleError("no bundle is open", "upload or fetch one")
        return self._bundle

    def receive(self, on_manifest: Callable[[Manifest], None] | None = None) -> Spool:
        """Return what an upload is pushed into, in a thread. Raises `BundleError`, also when there is no volume for it."""
        from controllers.lifecycle.bundle import load_keys
        from controllers.lifecycle.bundle_spool import Spool

        if not any(one.target == str(self._ports.paths.var) for one in read_mounts()):
            raise BundleError("a bundle needs the volume EPHEMERAL, and it is not mounted", "see `ophite get volumes`")
        self._bundle = None
        return Spool(self._path, load_keys(self._keys), on_manifest)

    async def fetch(self, source: str, say: Say) -> None:
        """Keep `BundlePort.fetch`."""
        await asyncio.to_thread(self._fetch, source, _on_loop(say))

    async def open(self, say: Say) -> Opened:
        """Keep `BundlePort.open`."""
        self._bundle = await asyncio.to_thread(self._open, _on_loop(say))
        manifest = self._bundle.manifest
        return Opened(self._bundle.identity, manifest.version, manifest.root_hash)

    async def check(self, node: VersionInfo, running_hash: str) -> None:
        """Keep `BundlePort.check`."""
        from controllers.lifecycle.bundle import Node, check_compatible

        check_compatible(self.bundle.manifest, Node(node.version, node.board, node.arch, running_hash))

    async def drop(self) -> None:
        """Keep `BundlePort.drop`."""
        self._bundle = None
        await asyncio.to_thread(self._path.unlink, missing_ok=True)

    def _fetch(self, source: str, say: Say) -> None:
        from controllers.lifecycle.fetch import fetch
        from controllers.lifecycle.fetch_http import Limits

        spool = self.receive()
        try:
            fetch(source, spool.write, Limits.of(self._ports), lambda _: say("fetch the bundle", spool.fraction))
            spool.finish()
        finally:
            spool.abort()

    def _open(self, say: Say) -> Bundle:
        from controllers.lifecycle.bundle import load_keys
        from controllers.lifecycle.bundle_spool import open_bundle

        return open_bundle(self._path, load_keys(self._keys), say)


class NodeSlots:
    """Keeps `SlotPort`. In: `bundles`, whose open bundle is written; `mount`, how an ESP is mounted (else by `mount_esp`)."""

    def __init__(self, ports: Ports, bundles: NodeBundles, mount: MountEsp | None = None) -> None:
        self._ports = ports
        self._bundles = bundles
        self._mount = mount
        self._made: SlotWork | None = None

    async def look(self) -> dict[str, SlotStatus]:
        """Keep `SlotPort.look`."""
        return await asyncio.to_thread((await self._work()).look)

    async def check(self, slot: str) -> None:
        """Keep `SlotPort.check`."""
        await asyncio.to_thread((await self._work()).check, Slot(slot), self._bundles.bundle)

    async def write(self, slot: str, words: tuple[str, ...], say: Say) -> None:
        """Keep `SlotPort.write`."""
        await asyncio.to_thread((await self._work()).write, Slot(slot), self._bundles.bundle, words, _on_loop(say))

    async def arm(self, slot: str, version: str) -> None:
        """Keep `SlotPort.arm`."""
        await asyncio.to_thread((await self._work()).arm, Slot(slot), version)

    async def commit(self, slot: str) -> None:
        """Keep `SlotPort.commit`."""
        await asyncio.to_thread((await self._work()).commit, Slot(slot))

    async def disarm(self, slot: str) -> None:
        """Keep `SlotPort.disarm`."""
        await asyncio.to_thread((await self._work()).disarm, Slot(slot))

    async def _work(self) -> SlotWork:
        """Return what does the work; it is loaded in a thread."""
        if self._made is None:
            made = await asyncio.to_thread(self._make)
            self._made = self._made or made
        return self._made

    def _make(self) -> SlotWork:
        from controllers.lifecycle.slot_work import SlotWork

        return SlotWork(self._ports, self._mount) if self._mount else SlotWork(self._ports)


def _on_loop(say: Say) -> Say:
    """Return what may be called in a thread and tells on the event loop."""
    loop = asyncio.get_running_loop()

    def tell(text: str, done: float) -> None:
        loop.call_soon_threadsafe(say, text, done)

    return tell
