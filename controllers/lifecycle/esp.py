"""The files of an ESP, read and written so that every step is on the disk before the next one begins.

FAT has no journal: a new file is synced before its directory, and the directory before anything depends on the name. What was
written is read back from the disk, not from memory. Paths are relative, with slashes. Nothing is cached between two calls, so
that a disk that vanishes is noticed. Sources: fsync(2), posix_fadvise(2), mount(8) "Mount options for vfat".
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from controllers.lifecycle.errors import SlotError
from init.linux import mount as mounts

CHUNK = 1 << 20
FLAGS = mounts.MS_NOSUID | mounts.MS_NODEV | mounts.MS_NOEXEC
OPTIONS = "umask=0077"


class Room(NamedTuple):
    """Free bytes of a file system, and the size of its clusters."""

    free: int
    cluster: int

    def take(self, size: int) -> int:
        """Return how many bytes a file of `size` takes."""
        return -(-size // self.cluster) * self.cluster


class EspPort(Protocol):
    """An ESP. All raise `OSError`; what writes has reached the disk when it returns."""

    def list_names(self, directory: str) -> list[str]:
        """Return the files in a directory, none when it is not there."""
        ...

    def find_size(self, path: str) -> int | None:
        """Return the size of a file, or None."""
        ...

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """Return up to `limit` bytes of a file."""
        ...

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        """Write a whole file under exactly this name; directories are made."""
        ...

    def overwrite(self, path: str, data: bytes) -> None:
        """Write over the beginning of a file, in place."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Give a file another name in the same directory; one of that name is replaced."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""
        ...

    def hash_stored(self, path: str) -> str:
        """Return the SHA-256 of a file as it is on the disk."""
        ...

    def measure(self, directory: str = "") -> Room:
        """Return how much room there is in the file system of a directory."""
        ...


class DirectoryEsp:
    """An ESP that is mounted at `root` (or any directory)."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def list_names(self, directory: str) -> list[str]:
        """Keep `EspPort.list_names`."""
        try:
            return sorted(one.name for one in os.scandir(self._root / directory) if one.is_file(follow_symlinks=False))
        except FileNotFoundError:
            return []

    def find_size(self, path: str) -> int | None:
        """Keep `EspPort.find_size`."""
        try:
            return (self._root / path).lstat().st_size
        except FileNotFoundError:
            return None

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        """Keep `EspPort.read`."""
        with (self._root / path).open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read(limit)

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        """Keep `EspPort.write`."""
        target = self._root / path
        self._make_directories(target.parent)
        with target.open("wb", buffering=0) as file:
            for chunk in chunks:
                _write_all(file.fileno(), chunk)
            os.fsync(file.fileno())
        _sync_directory(target.parent)

    def overwrite(self, path: str, data: bytes) -> None:
        """Keep `EspPort.overwrite`."""
        with (self._root / path).open("r+b", buffering=0) as file:
            _write_all(file.fileno(), data)
            os.fsync(file.fileno())

    def rename(self, old: str, new: str) -> None:
        """Keep `EspPort.rename`."""
        (self._root / old).rename(self._root / new)
        _sync_directory((self._root / new).parent)

    def remove(self, path: str) -> None:
        """Keep `EspPort.remove`."""
        target = self._root / path
        try:
            target.unlink()
        except FileNotFoundError:
            return
        _sync_directory(target.parent)

    def hash_stored(self, path: str) -> str:
        """Keep `EspPort.hash_stored`."""
        with (self._root / path).open("rb", buffering=0) as file:
            return hash_stored(file.fileno())

    def measure(self, directory: str = "") -> Room:
        """Keep `EspPort.measure`."""
        found = os.statvfs(self._root / directory)
        return Room(found.f_bavail * found.f_frsize, max(found.f_frsize, 1))

    def _make_directories(self, directory: Path) -> None:
        if not directory.is_dir():
            self._make_directories(directory.parent)
            directory.mkdir()
            _sync_directory(directory.parent)


def hash_stored(fd: int, size: int | None = None) -> str:
    """Return the SHA-256 of the first `size` bytes (all) of an open file or device, read from the disk."""
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)  # what is synced leaves the memory
    digest, at = hashlib.sha256(), 0
    while size is None or at < size:
        data = os.pread(fd, CHUNK if size is None else min(CHUNK, size - at), at)
        if not data:
            break
        digest.update(data)
        at += len(data)
    return digest.hexdigest()


@contextmanager
def mount_esp(device: str, target: Path, *, read_only: bool = False) -> Iterator[DirectoryEsp]:
    """Mount an ESP for a while. A mount that a former brain left behind is taken away first.

    Raises `OSError`; `SlotError` when the kernel knows no FAT, which mount(2) says like a disk that is gone.
    """
    _release(target)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        mounts.mount(device, str(target), "vfat", FLAGS | (mounts.MS_RDONLY if read_only else 0), OPTIONS)
    except OSError as error:
        if error.errno == errno.ENODEV:
            raise SlotError(f"the ESP {device}: the kernel knows no FAT", "see `ophite get modules`: vfat") from error
        raise
    try:
        yield DirectoryEsp(target)
    finally:
        with suppress(OSError):  # everything is on the disk already; what was raised before is what tells
            _unmount(target)


def _release(target: Path) -> None:
    for _ in [one for one in mounts.read_mounts() if one.target == str(target)]:
        _unmount(target)


def _unmount(target: Path) -> None:
    """Take a mount away now, or as soon as whoever uses it lets go."""
    try:
        mounts.umount(str(target))
    except OSError:
        mounts.umount(str(target), mounts.MNT_DETACH)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
