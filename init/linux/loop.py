"""Loop devices: a file as a block device (loop(4))."""

import errno
import fcntl
import os
import struct

# linux/loop.h
LOOP_CONFIGURE = 0x4C0A
LOOP_CLR_FD = 0x4C01
LOOP_CTL_GET_FREE = 0x4C82
LO_FLAGS_READ_ONLY = 1
_CONFIG = struct.Struct("=II 52x I 64s 176x")  # struct loop_config: fd, block size, then loop_info64 with lo_flags
ATTEMPTS = 8  # another process may take the free device between the two calls


def attach(path: str, *, read_only: bool = True) -> str:
    """Attach `path` to a free loop device and return its node, such as /dev/loop3; it stays until `detach`."""
    flags = LO_FLAGS_READ_ONLY if read_only else 0
    backing = os.open(path, (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC)
    try:
        for _ in range(ATTEMPTS):
            node = _free_node()
            try:
                _configure(node, backing, flags, path)
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
            else:
                return node
        raise OSError(errno.EBUSY, f"no free loop device for {path} after {ATTEMPTS} attempts")
    finally:
        os.close(backing)


def detach(node: str) -> None:
    """Let go of the file behind `node`; while it is mounted the kernel does it at the last umount."""
    device = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(device, LOOP_CLR_FD, 0)
    finally:
        os.close(device)


def _free_node() -> str:
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        return f"/dev/loop{fcntl.ioctl(control, LOOP_CTL_GET_FREE, 0)}"
    finally:
        os.close(control)


def _configure(node: str, backing: int, flags: int, path: str) -> None:
    device = os.open(node, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(device, LOOP_CONFIGURE, _CONFIG.pack(backing, 0, flags, path.encode()[:63]))
    except OSError as error:
        raise OSError(error.errno, f"loop device {node} for {path}: {error.strerror}") from error
    finally:
        os.close(device)
