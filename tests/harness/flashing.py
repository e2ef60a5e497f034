"""A flash of a small image to a loop device, and what is on it afterwards."""

import os
from pathlib import Path

from image.flash import main
from image.flash_source import PIECE

MIB = 1 << 20
SIZE = 96 * MIB  # of the target
IMAGE_SIZE = 24 * MIB


def flash(loop: str, image: Path, *words: str) -> int:
    return main([loop, "--image", str(image), "--force", "--yes", *words])


def read(loop: str, offset: int, length: int) -> bytes:
    with Path(loop).open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return os.pread(file.fileno(), length, offset)


def is_whole(loop: str, image: Path) -> bool:
    return read(loop, 0, IMAGE_SIZE) == image.read_bytes()


def is_old(loop: str) -> bool:
    return read(loop, 8 * MIB, 8 * MIB) == b"old data" * MIB and read(loop, 512, 8) == b"EFI PART"


def boots(loop: str) -> bool:
    return any(read(loop, 0, PIECE))
