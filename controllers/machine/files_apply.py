"""The one writer of rendered files: `FileSpec` → a file below an allowed root → `FileStatus`.

A name appears only with its whole content, owner and mode (written beside it under a name that begins with a dot, then
renamed). A file goes when its spec goes; what a former brain wrote stays until a spec names it. Below /var nothing is
written before EPHEMERAL is mounted there.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from controllers.ports import Ports
from controllers.resources.block import VolumePhase, VolumeStatus
from controllers.resources.machine import FileSpec, FileStatus
from controllers.runtime.controller import STRONG, Controller, Input, Output, View, Wanted

ROOTS = ("/run/ophite/", "/var/lib/kubelet/", "/var/lib/cni/", "/var/lib/containerd/", "/var/lib/etcd/")
FORBIDDEN = ("/run/ophite/control.sock", "/run/ophite/brain.sock", "/run/ophite/kept-certificates.json")
RETRY = 10.0


def find_problem(path: str) -> str:
    """Return why a path may not be written, or ""."""
    pure = PurePosixPath(path)
    if not path.startswith(ROOTS) or ".." in pure.parts or str(pure) != path or "\0" in path:
        return f"{path}: not below {', '.join(ROOTS)}"
    return f"{path}: belongs to somebody else" if path in FORBIDDEN else ""


class FilesApplyController(Controller):
    """`FileSpec` → file → `FileStatus`. Runs in a thread, since /var may be a slow disk."""

    name = "machine.FilesApplyController"
    inputs = (Input(FileSpec, kind=STRONG), Input(VolumeStatus, id="EPHEMERAL"))
    outputs = (Output(FileStatus),)
    inline = False

    def __init__(self, ports: Ports) -> None:
        self._paths = ports.paths

    def reconcile(self, view: View) -> Iterable[Wanted]:
        specs = {one.spec.path: one.spec for one in view.list(FileSpec)}
        volume = view.find(VolumeStatus, "EPHEMERAL")
        mounted = volume is not None and volume.spec.phase is VolumePhase.READY
        for gone in view.own(FileStatus):
            if gone.id not in specs and not find_problem(gone.id):
                (self._paths / gone.id).unlink(missing_ok=True)
        wanted = []
        for path, spec in specs.items():
            if path.startswith("/var/") and not mounted:
                wanted.append(FileStatus(path=path, error="waits for the volume EPHEMERAL"))
            else:
                wanted.append(self._write(spec))
        if any(one.error for one in wanted):
            view.wake_after(RETRY)
        return [Wanted(one.path, one) for one in wanted]

    def _write(self, spec: FileSpec) -> FileStatus:
        problem = find_problem(spec.path)
        if problem:
            return FileStatus(path=spec.path, error=problem)
        content = spec.content.encode()
        try:
            write_file(self._paths / spec.path, content, spec)
        except OSError as error:
            return FileStatus(path=spec.path, error=f"{spec.path}: {error.strerror or error}")
        return FileStatus(path=spec.path, sha256=hashlib.sha256(content).hexdigest())


def write_file(path: Path, content: bytes, spec: FileSpec) -> None:
    """Make a file be exactly what its spec says; nothing is touched when it is. Raises `OSError`."""
    if _is_current(path, content, spec):
        return
    _make_parents(path.parent)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            if (spec.uid, spec.gid) != (os.geteuid(), os.getegid()):
                os.fchown(fd, spec.uid, spec.gid)
            os.fchmod(fd, spec.mode & 0o777)
            file.write(content)
        temporary.rename(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def _is_current(path: Path, content: bytes, spec: FileSpec) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) != spec.mode & 0o777:
            return False
        return (found.st_uid, found.st_gid, found.st_size) == (spec.uid, spec.gid, len(content)) and file.read() == content


def _make_parents(directory: Path) -> None:
    """Make missing directories with mode 0755 whatever the umask is, so that services of other users can pass."""
    missing = []
    while not directory.exists():
        missing.append(directory)
        directory = directory.parent
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
        one.chmod(0o755)
