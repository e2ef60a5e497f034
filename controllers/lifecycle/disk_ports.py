"""What an upgrade does to this machine: the bundle that is spooled on EPHEMERAL, and the slots of the disk that it runs from.

Everything blocks and runs in a thread, one thing at a time; progress is told on the event loop. The ESP is mounted only while
something is read from it or written to it, so that a crash finds it unmounted. Nothing is remembered of the disk between two
calls but the kernel arguments of a slot that was written and has no entry yet.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from controllers.lifecycle import bundle as bundles
from controllers.lifecycle.bundle import Bundle, Manifest, Node
from controllers.lifecycle.bundle_spool import Spool, open_bundle
from controllers.lifecycle.entries import BootState, Entry, plan_arm, plan_commit, plan_disarm
from controllers.lifecycle.errors import BundleError, SlotError
from controllers.lifecycle.esp import DirectoryEsp, EspPort, mount_esp
from controllers.lifecycle.fetch import fetch
from controllers.lifecycle.fetch_http import Limits
from controllers.lifecycle.layout import Slot
from controllers.lifecycle.loader_status import read_loader_status
from controllers.lifecycle.ports import Opened
from controllers.lifecycle.progress import Say
from controllers.lifecycle.running import KEY, find_root_hash
from controllers.lifecycle.slot_disk import SlotDisk
from controllers.lifecycle.slot_writer import execute, explain, plan_write
from controllers.lifecycle.slots import (
    SystemDisk,
    check_room,
    check_slot,
    read_boot_state,
    read_slot_uki,
    read_system_disk,
    root_id,
)
from controllers.ports import Ports
from controllers.resources.lifecycle import SlotStatus
from controllers.resources.machine import VersionInfo
from init.linux.disks import find_partition
from init.linux.mount import read_mounts

log = logging.getLogger("lifecycle")


class MountEsp(Protocol):
    """How an ESP is mounted for a while; `esp.mount_esp`."""

    def __call__(self, device: str, target: Path, *, read_only: bool) -> AbstractContextManager[DirectoryEsp]:
        """Raises `OSError`."""
        ...


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
        if not any(one.target == str(self._ports.paths.var) for one in read_mounts()):
            raise BundleError("a bundle needs the volume EPHEMERAL, and it is not mounted", "see `ophite get volumes`")
        self._bundle = None
        return Spool(self._path, bundles.load_keys(self._keys), on_manifest)

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
        bundles.check_compatible(self.bundle.manifest, Node(node.version, node.board, node.arch, running_hash))

    async def drop(self) -> None:
        """Keep `BundlePort.drop`."""
        self._bundle = None
        await asyncio.to_thread(self._path.unlink, missing_ok=True)

    def _fetch(self, source: str, say: Say) -> None:
        spool = self.receive()
        try:
            limits = Limits.of(self._ports)
            fetch(source, spool.write, limits, lambda _: say("fetch the bundle", spool.fraction))
            spool.finish()
        finally:
            spool.abort()

    def _open(self, say: Say) -> Bundle:
        return open_bundle(self._path, bundles.load_keys(self._keys), say)


class Session(NamedTuple):
    """The disk that runs, the slot of it that does, its ESP, and what the boot loaders will read there."""

    disk: SystemDisk
    running: Slot
    esp: EspPort
    state: BootState


class NodeSlots:
    """Keeps `SlotPort`. In: `bundles`, whose open bundle is written; `mount`, how an ESP is mounted."""

    def __init__(self, ports: Ports, bundles: NodeBundles, mount: MountEsp = mount_esp) -> None:
        self._ports = ports
        self._bundles = bundles
        self._mount = mount
        self._lock = threading.Lock()
        self._options: dict[Slot, str] = {}
        self._seen: dict[str, SlotStatus] = {}

    async def look(self) -> dict[str, SlotStatus]:
        """Keep `SlotPort.look`."""
        return await asyncio.to_thread(self._look)

    async def check(self, slot: str) -> None:
        """Keep `SlotPort.check`."""
        await asyncio.to_thread(self._check, Slot(slot), self._bundles.bundle)

    async def write(self, slot: str, words: tuple[str, ...], say: Say) -> None:
        """Keep `SlotPort.write`."""
        await asyncio.to_thread(self._write, Slot(slot), self._bundles.bundle, words, _on_loop(say))

    async def arm(self, slot: str, version: str) -> None:
        """Keep `SlotPort.arm`."""
        await asyncio.to_thread(self._arm, Slot(slot), version)

    async def commit(self, slot: str) -> None:
        """Keep `SlotPort.commit`."""
        await asyncio.to_thread(self._commit, Slot(slot))

    async def disarm(self, slot: str) -> None:
        """Keep `SlotPort.disarm`."""
        await asyncio.to_thread(self._disarm, Slot(slot))

    def _look(self) -> dict[str, SlotStatus]:
        if self._ports.cmdline.get("ophite.root") != "verity":
            return {}
        if self._lock.locked() and self._seen:
            return self._seen  # a slot is being written, for minutes maybe; its end is a reason to look again
        uefi = (self._ports.paths.sys / "firmware/efi").is_dir()
        with self._session(read_only=True) as session:
            upcoming = session.state.next_uefi if uefi else session.state.next_bios
            self._seen = {slot.value: _describe(session, slot, is_next=slot is upcoming) for slot in Slot}
        return self._seen

    def _check(self, slot: Slot, bundle: Bundle) -> None:
        with self._session(read_only=True) as session:
            check_room(bundle.manifest, session.disk, slot, session.esp)

    def _write(self, slot: Slot, bundle: Bundle, words: tuple[str, ...], say: Say) -> None:
        line = " ".join((bundle.read_command_line(), *words))
        with self._session() as session:
            uki = read_slot_uki(session.esp, session.running)
            options = " ".join((uki.command_line, *words)) if words else ""
            running = Entry(session.running, 0, uki.version, options=options)
            check_room(bundle.manifest, session.disk, slot, session.esp)
            steps = plan_write(session.state, bundle.manifest, slot, line, running)
            execute(steps, SlotDisk(session.disk.path, session.esp), bundle, say)
        self._options[slot] = line if words else ""

    def _arm(self, slot: Slot, version: str) -> None:
        with self._session() as session:
            uki = read_slot_uki(session.esp, slot)
            problem = check_slot(session.disk, slot, uki)
            if problem:
                raise SlotError(f"slot {slot.value} cannot be tried: {problem}", "upgrade to a version instead")
            found = session.state.find(slot)
            options = found.options if found else self._options.pop(slot, "")
            entry = Entry(slot, 0, version or uki.version, options=options)
            execute(plan_arm(session.state, entry), SlotDisk(session.disk.path, session.esp))

    def _commit(self, slot: Slot) -> None:
        loader = read_loader_status(self._ports.paths.sys / "firmware/efi/efivars")
        with self._session() as session:
            if slot is not session.running:
                text = f"slot {slot.value} does not run, and only what runs can prove itself"
                raise SlotError(text, f"slot {session.running.value} runs; boot the other one first")
            log.info("commit slot", extra={"slot": slot.value, "loader": loader.loader, "selected": loader.selected})
            entry = Entry(slot, 0, read_slot_uki(session.esp, slot).version)
            execute(plan_commit(session.state, entry), SlotDisk(session.disk.path, session.esp))

    def _disarm(self, slot: Slot) -> None:
        with self._session() as session:
            execute(plan_disarm(session.state, slot), SlotDisk(session.disk.path, session.esp))

    @contextmanager
    def _session(self, *, read_only: bool = False) -> Iterator[Session]:
        """Find the disk that runs and mount its ESP for a while. Raises `SlotError`."""
        with self._lock:
            root_hash = find_root_hash(f"{KEY}={self._ports.cmdline.get(KEY, '')}")
            disk = read_system_disk(self._find_disk(root_hash))
            running = disk.find_running(root_hash)
            if running is None:
                raise SlotError(f"no slot of {disk.path} bears the id of the root that runs", "install the node again")
            try:
                with self._mount(disk.esp_device, self._ports.paths.run / "esp", read_only=read_only) as esp:
                    yield Session(disk, running, esp, read_boot_state(esp))
            except OSError as error:
                raise explain(error, f"the ESP {disk.esp_device}") from error

    def _find_disk(self, root_hash: str) -> str:
        """Return the path of the disk that holds the root that runs. Raises `SlotError`."""
        if self._ports.cmdline.get("ophite.root") != "verity" or not root_hash:
            raise SlotError("this node does not run from a slot of a disk", "install it first")
        sys_block = self._ports.paths.sys / "class/block"
        node, tried = find_partition(str(root_id(root_hash)), str(sys_block), str(self._ports.paths.dev))
        if node is None:
            raise SlotError(f"the disk of the root that runs is not there ({'; '.join(tried)})", "check the disk and its cable")
        parent = (sys_block / Path(node).name).resolve().parent
        return str(self._ports.paths.dev / parent.name)


def _describe(session: Session, slot: Slot, *, is_next: bool) -> SlotStatus:
    uki, entry = read_slot_uki(session.esp, slot), session.state.find(slot)
    error = check_slot(session.disk, slot, uki)
    return SlotStatus(
        version=uki.version or (entry.version if entry else ""),
        root_hash="" if error else uki.root_hash,
        running=slot is session.running,
        next=is_next,
        entry=entry is not None,
        tries=entry.tries if entry else None,
        error=error,
    )


def _on_loop(say: Say) -> Say:
    """Return what may be called in a thread and tells on the event loop."""
    loop = asyncio.get_running_loop()

    def tell(text: str, done: float) -> None:
        loop.call_soon_threadsafe(say, text, done)

    return tell
