"""Who this installation is: /state/identity.json → `NodeIdentity`, and /run/ophite/etc/machine-id.

Made once, when the configuration is complete and STATE is mounted; the same ever after. Until then the identity is
derived from the boot id: good for one boot, and kept when it is written to STATE during that boot.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from controllers.ports import Ports
from controllers.resources.block import VolumePhase, VolumeStatus
from controllers.resources.machine import ConfigStatus, FileSpec, NodeIdentity, PlatformInfo
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted
from controllers.runtime.errors import Waiting

LIMIT = 64 * 1024
DEFINITE = (VolumePhase.READY, VolumePhase.MISSING, VolumePhase.FAILED)
_ID = re.compile(r"[0-9a-f]{32}")


def derive_identity(boot_id: str) -> NodeIdentity:
    """Return an identity that belongs to this boot."""

    def derive(purpose: str) -> str:
        raw = bytearray(hashlib.sha256(f"ophite {purpose} {boot_id}".encode()).digest()[:16])
        return UUID(bytes=bytes(raw), version=4).hex  # machine-id(5) wants a version 4 UUID

    return NodeIdentity(node_id=derive("node"), machine_id=derive("machine"))


def parse_identity(data: bytes) -> NodeIdentity:
    """Return what identity.json says. Raises `ValueError` with what is wrong."""
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("not an object")
    node, machine = found.get("node_id"), found.get("machine_id")
    if not isinstance(node, str) or not isinstance(machine, str) or not _ID.fullmatch(node) or not _ID.fullmatch(machine):
        raise ValueError("node_id and machine_id must be 32 hexadecimal digits")
    return NodeIdentity(node_id=node, machine_id=machine)


def render_identity(identity: NodeIdentity) -> bytes:
    """Return the text of identity.json."""
    fields = {"node_id": identity.node_id, "machine_id": identity.machine_id}
    return json.dumps(fields, indent=1).encode() + b"\n"


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file on a disk so that after a power cut it is the old one or the new one. Raises `OSError`."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(fd)
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


class IdentityController(Controller):
    """`VolumeStatus` STATE, `ConfigStatus` → `NodeIdentity`, `FileSpec` of machine-id."""

    name = "machine.IdentityController"
    inputs = (
        Input(VolumeStatus, id="STATE"),
        Input(ConfigStatus, id="config"),
        Input(PlatformInfo, id="platform"),
    )
    outputs = (Output(NodeIdentity), Output(FileSpec, kind=SHARED))
    inline = False

    def __init__(self, ports: Ports) -> None:
        self._path = ports.paths.state_identity

    def reconcile(self, view: View) -> Iterable[Wanted]:
        state = view.get(VolumeStatus, "STATE").spec
        if state.phase not in DEFINITE:
            raise Waiting("the volume STATE")
        identity = self._find_kept() if state.phase is VolumePhase.READY else None
        if identity is None:
            own = view.own(NodeIdentity)
            identity = own[0].spec if own else derive_identity(view.get(PlatformInfo, "platform").spec.boot_id)
            config = view.find(ConfigStatus, "config")
            if state.phase is VolumePhase.READY and config is not None and config.spec.complete:
                write_durably(self._path, render_identity(identity))
        path = "/run/ophite/etc/machine-id"
        yield Wanted("node", identity)
        yield Wanted(path, FileSpec(path=path, content=identity.machine_id + "\n", mode=0o444))

    def _find_kept(self) -> NodeIdentity | None:
        try:
            with self._path.open("rb") as file:
                return parse_identity(file.read(LIMIT))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise Waiting(f"{self._path} to be repaired or removed: {error}") from error
