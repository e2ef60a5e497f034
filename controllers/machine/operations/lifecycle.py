"""`lifecycle.*`: take a bundle; ask for an upgrade or a rollback, as a resource that the lifecycle controller carries out."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from controllers.machine.operations.table import Nothing, Request, method
from controllers.resources.lifecycle import ROLLBACK, UPGRADE, UPLOADED, UpgradeRequest, UpgradeStatus
from controllers.resources.machine import PowerRequest, VersionInfo
from controllers.runtime.errors import AlreadyExists, OperationError
from controllers.runtime.resource import new, replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from controllers.lifecycle.upload import Sink, Uploads
    from controllers.ports import Ports
    from controllers.runtime.resource import Resource
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method

OWNER = "api"
SOURCES = ("https://", "oci://")
SOURCE_LIMIT = 2048
WINDOWS = (30.0, 86400.0)
"""Seconds that a window may have."""


class Piece(Request, frozen=True, kw_only=True):
    """The next bytes of an upload."""

    upload: str
    offset: int
    data: bytes


class Finish(Request, frozen=True, kw_only=True):
    """All bytes of an upload have come."""

    upload: str


class Rollback(Request, frozen=True, kw_only=True):
    """Go back to the other slot."""

    force: bool = False
    stage: bool = False
    window: float = 0.0


class Upgrade(Rollback, frozen=True, kw_only=True):
    """Become another version."""

    source: str
    bundle: str = ""


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table."""
    uploads: list[Uploads] = []

    def get_uploads() -> Uploads:
        """Import late: most brains never see an upload."""
        from controllers.lifecycle.upload import Uploads

        if not uploads:
            uploads.append(Uploads())
        return uploads[0]

    async def begin(_: Nothing) -> str:
        await _check_idle(store)
        return await get_uploads().begin(make_receive(ports, await store.find(VersionInfo, "version"), find_hash(ports)))

    async def write(piece: Piece) -> None:
        await get_uploads().write(piece.upload, piece.offset, piece.data)

    async def finish(request: Finish) -> dict[str, str]:
        received = await get_uploads().finish(request.upload)
        return {"bundle": received.identity, "version": received.manifest.version}

    return [
        method("lifecycle.upload.begin", Nothing, begin),
        method("lifecycle.upload.write", Piece, write),
        method("lifecycle.upload.finish", Finish, finish),
        method("lifecycle.upgrade", Upgrade, lambda request: ask(store, request, request.source, request.bundle, ports)),
        method("lifecycle.rollback", Rollback, lambda request: ask(store, request, ROLLBACK, "", ports)),
    ]


def make_receive(ports: Ports, version: Resource[VersionInfo] | None, running_hash: str) -> Callable[[], Sink]:
    """Return what makes an empty spool on this node; it refuses a bundle for another node as soon as its manifest is there."""
    from controllers.lifecycle.bundle import Manifest, Node, check_compatible
    from controllers.lifecycle.disk_ports import NodeBundles

    def check(manifest: Manifest) -> None:
        if version is not None:
            spec = version.spec
            check_compatible(manifest, Node(spec.version, spec.board, spec.arch, running_hash))

    return lambda: NodeBundles(ports).receive(check)


def find_hash(ports: Ports) -> str:
    """Return the root hash of this boot, "" when it does not run from a slot."""
    return ports.cmdline.get("ophite.verity", "").partition(":")[0].lower()


async def ask(store: Store, request: Rollback, source: str, bundle: str, ports: Ports) -> str:
    """Ask for an upgrade and return the name of the request. Raises `OperationError` with the reason against it."""
    from controllers.etcd.quorum import check_quorum

    check_request(request, source)
    await _check_idle(store)
    wanted = UpgradeRequest(
        request=secrets.token_hex(8),
        source=source,
        bundle=bundle,
        force=request.force,
        stage=request.stage,
        window=request.window,
    )
    await check_quorum(store, wanted.force, action=wanted.action, clock=ports.clock, patience=ports.patience)
    try:
        await store.create(new(UPGRADE, wanted, owner=OWNER))
    except AlreadyExists:
        before = await store.get(UpgradeRequest, UPGRADE)
        await store.update(replace(before, wanted), owner=OWNER)
    return wanted.request


def check_request(request: Rollback, source: str) -> None:
    """Refuse what makes no sense. Raises `OperationError`."""
    if source not in (UPLOADED, ROLLBACK) and not (source.startswith(SOURCES) and len(source) <= SOURCE_LIMIT):
        message = f"no bundle can be had from {source[:80]!r}"
        raise OperationError("invalid_argument", message, "a file, https://HOST/PATH or oci://HOST/NAME:TAG")
    if isinstance(request, Upgrade) and source == ROLLBACK:
        raise OperationError("invalid_argument", "a rollback is a request of its own", "ophite rollback")
    low, high = WINDOWS
    if request.window and not low <= request.window <= high:
        raise OperationError("invalid_argument", f"a window of {request.window:g} s", f"{low:g} s to {high:g} s")


async def _check_idle(store: Store) -> None:
    """Refuse while an upgrade is under way; one that waits for the next reboot may be replaced."""
    if await store.find(PowerRequest, "power") is not None:
        raise OperationError("failed_precondition", "the machine is shutting down", "ask again when it is back")
    request, status = await store.find(UpgradeRequest, UPGRADE), await store.find(UpgradeStatus, UPGRADE)
    if request is not None and (status is None or status.spec.request != request.spec.request):
        raise OperationError("failed_precondition", "an upgrade was just asked for", "ophite get upgradestatus")
    staged = request is not None and request.spec.stage and status is not None and status.spec.phase == "armed"
    if status is not None and not status.spec.phase.final and not staged:
        message = f"an upgrade is under way: {status.spec.phase}, {status.spec.step}"
        raise OperationError("failed_precondition", message, "ophite get upgradestatus")
