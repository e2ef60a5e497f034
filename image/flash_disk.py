"""The disk that is written: opened exclusively, past the page cache, in pieces from one aligned buffer.

O_EXCL keeps everybody else away while it is open: the kernel refuses it when the disk or a part of it is mounted or held,
also in another mount namespace (open(2)). O_DIRECT makes progress honest and lets what is read back come from the disk and
not from memory. A file in a disk's place has neither; its pages are dropped from memory before they are read back. BLKZEROOUT
(linux/fs.h) gives zeros in the way that is fastest for the disk: by deallocating where that reads as zeros, by writing else.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from controllers.block.wipe import BLKGETSIZE64, BLKZEROOUT, WRITE_INSTEAD
from image.errors import ImageError
from image.flash_source import PIECE

BLKRRPART = 0x125F  # linux/fs.h: _IO(0x12, 95)
AS_ROOT = "writing to a disk takes root: begin the command with sudo"
LOCK_TRIES, LOCK_PAUSE = 50, 0.1  # udev looks at a disk for some tenths of a second


class FlashError(ImageError):
    """The disk failed; `gone` when it is not there any more."""

    def __init__(self, message: str, hint: str, *, gone: bool = False) -> None:
        super().__init__(message, hint)
        self.gone = gone


class OpenDisk:
    """An open disk or file of `size` bytes. Offsets and lengths are multiples of a sector, lengths at most `PIECE`."""

    def __init__(self, fd: int, path: Path, *, direct: bool) -> None:
        self.fd, self.path, self.direct = fd, path, direct
        self.block = stat.S_ISBLK(os.fstat(fd).st_mode)
        self.size = read_size(fd) if self.block else os.fstat(fd).st_size
        self._buffer = mmap.mmap(-1, PIECE)  # begins at a page, as O_DIRECT wants it
        self._zeros = mmap.mmap(-1, PIECE)

    def write(self, offset: int, data: bytes) -> None:
        """Write all of `data`. Raises `FlashError`."""
        self._buffer[: len(data)] = data
        self._put(memoryview(self._buffer)[: len(data)], offset)

    def zero(self, offset: int, length: int) -> None:
        """Make a range of any length read as zeros. Raises `FlashError`."""
        if self.block and length:
            try:
                fcntl.ioctl(self.fd, BLKZEROOUT, struct.pack("QQ", offset, length))
                return
            except OSError as error:
                if error.errno not in WRITE_INSTEAD:
                    raise explain(error, self.path, "write", offset) from error
        for at in range(offset, offset + length, PIECE):
            self._put(memoryview(self._zeros)[: min(PIECE, offset + length - at)], at)

    def read(self, offset: int, length: int) -> bytes:
        """Read `length` bytes as they are on the disk. Raises `FlashError`, also when it ends before."""
        view = memoryview(self._buffer)[:length]
        done = 0
        try:
            while done < length:
                count = os.preadv(self.fd, [view[done:]], offset + done)
                if count == 0:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                done += count
        except OSError as error:
            raise explain(error, self.path, "read", offset + done) from error
        return bytes(view)

    def sync(self) -> None:
        """Have everything on the disk itself, and nothing of it in memory. Raises `FlashError`."""
        try:
            os.fsync(self.fd)
            os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError as error:
            raise explain(error, self.path, "write", 0) from error

    def tell_kernel(self) -> bool:
        """Have the kernel read the partition table again; whether it did (a loop device without partitions does not)."""
        with suppress(OSError):
            fcntl.ioctl(self.fd, BLKRRPART)
            return True
        return False

    def _put(self, view: memoryview, offset: int) -> None:
        done = 0
        try:
            while done < len(view):
                done += os.pwritev(self.fd, [view[done:]], offset + done)
        except OSError as error:
            raise explain(error, self.path, "write", offset + done) from error


def check_access(path: Path) -> None:
    """Raise `ImageError` when this user may not write to a disk."""
    if not os.access(path, os.W_OK):
        raise ImageError(f"{path}: {os.strerror(errno.EACCES)}", AS_ROOT)


@contextmanager
def open_disk(path: Path) -> Iterator[OpenDisk]:
    """Open a disk for nobody but us. Raises `ImageError` when it is in use, `FlashError` when it does not answer."""
    block = path.is_block_device()
    fd = open_exclusively(path, os.O_DIRECT if block else 0)
    try:
        lock(fd, path)
        yield OpenDisk(fd, path, direct=block)
    finally:
        os.close(fd)


def open_exclusively(path: Path, flags: int) -> int:
    """open(2) with O_EXCL where it counts, on a block device. Raises `ImageError`."""
    exclusive = os.O_EXCL if path.is_block_device() else 0
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | exclusive | flags)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise ImageError(
                f"{path} is in use", "unmount it everywhere, in containers too, and close partition tools"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise ImageError(f"{path}: {error.strerror}", AS_ROOT) from error
        raise explain(error, path, "open", 0) from error


def lock(fd: int, path: Path) -> None:
    """Take the lock that keeps udev and partition tools away (systemd, Block Device Locking). Raises `ImageError`."""
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EINTR):
                return  # a file system without locks
        time.sleep(LOCK_PAUSE)
    raise ImageError(f"{path} is locked by another program", "wait until it has ended: `lsof` tells which one")


def read_size(fd: int) -> int:
    """Bytes of an open block device; 0 when it is gone."""
    try:
        return int(struct.unpack("Q", fcntl.ioctl(fd, BLKGETSIZE64, bytes(8)))[0])
    except OSError:
        return 0


def explain(error: OSError, path: Path, doing: str, offset: int) -> FlashError:
    """What a failure means to the user."""
    at = f"{path}: cannot {doing} at {offset >> 20} MiB"
    if error.errno in (errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM) or not path.exists():
        return FlashError(f"{path} has vanished", "was it pulled out? Try another port, cable or reader", gone=True)
    if error.errno == errno.ENOSPC:
        return FlashError(f"{at}: it is full before its end", "the card or disk has less room than it says: take another one")
    if error.errno in (errno.EROFS, errno.EPERM):
        return FlashError(
            f"{at}: it is write-protected", "look at the card's lock switch; a worn-out card locks itself for good"
        )
    return FlashError(f"{at}: {error.strerror}", "the card or disk is worn out, or its reader: take another one")
