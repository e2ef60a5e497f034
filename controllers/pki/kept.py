"""Certificates outlive the brain: `Certificate`, `ApiServing` → one file in /run → the next brain.

Without it every restart of the brain would issue everything anew, and what reads certificates would restart with it. The
file is on tmpfs and root's alone; after a reboot it is gone. What is read back is checked like any certificate.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from controllers.ports import Ports
from controllers.resources.pki import ApiServing, Certificate
from controllers.runtime.controller import Controller, Input, View, Wanted

LIMIT = 4 * 1024 * 1024


class Kept(msgspec.Struct, frozen=True):
    """What the file holds, by id."""

    certificates: dict[str, Certificate] = {}
    serving: dict[str, ApiServing] = {}


def kept_path(ports: Ports) -> Path:
    """Return where it is kept."""
    return ports.paths.run / "kept-certificates.json"


def read_kept(path: Path) -> Kept:
    """Return what a former brain kept; nothing when there is no such file or it cannot be understood."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_uid != os.geteuid():
                return Kept()
            return msgspec.json.decode(file.read(LIMIT), type=Kept)
    except (OSError, msgspec.MsgspecError):
        return Kept()


def write_kept(path: Path, kept: Kept) -> None:
    """Replace the file; it is never there half or readable by others. Raises `OSError`."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(msgspec.json.encode(kept))
    temporary.replace(path)


class KeptCertificatesController(Controller):
    """`Certificate`, `ApiServing` → the file."""

    name = "pki.KeptCertificatesController"
    inputs = (Input(Certificate), Input(ApiServing))

    def __init__(self, ports: Ports) -> None:
        self._path = kept_path(ports)
        self._written = Kept()

    def reconcile(self, view: View) -> Iterable[Wanted]:
        kept = Kept({one.id: one.spec for one in view.list(Certificate)}, {one.id: one.spec for one in view.list(ApiServing)})
        if kept != self._written and (kept.certificates or kept.serving):
            write_kept(self._path, kept)
            self._written = kept
        return ()
