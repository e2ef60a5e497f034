"""An image, and a loop device full of old data to flash it to."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from controllers.block import gpt
from tests.harness.flashing import IMAGE_SIZE, MIB, SIZE
from tests.harness.loop_disks import attached, run


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A disk image with a table, a FAT file system, noise and zeros."""
    path = tmp_path / "small.img"
    table = gpt.new_table(UUID(int=1), 512, IMAGE_SIZE // 512)
    table = table.with_partition(gpt.Partition(1, gpt.LINUX_FILESYSTEM, UUID(int=2), 2048, 2048 * 12 - 1, "BOOT"))
    table = table.with_partition(gpt.Partition(2, gpt.LINUX_FILESYSTEM, UUID(int=3), 2048 * 12, 2048 * 20 - 1, "DATA"))
    with path.open("wb") as file:
        file.truncate(IMAGE_SIZE)
        file.seek(12 * MIB)
        file.write(b"".join(hashlib.sha256(bytes([index])).digest() * 32768 for index in range(8)))
        for offset, data in gpt.encode(table):
            file.seek(offset)
            file.write(data)
    run("mkfs.vfat", "--offset=2048", "-n", "CARD", path, str(10 * 1024))
    return path


@pytest.fixture
def backing(tmp_path: Path) -> Path:
    """What is behind the target: full of old data, with a table at its end."""
    path = tmp_path / "card.img"
    table = gpt.new_table(UUID(int=9), 512, SIZE // 512)
    old = gpt.Partition(1, gpt.LINUX_FILESYSTEM, UUID(int=8), 2048, 2048 * 64 - 1, "old")
    with path.open("wb") as file:
        file.write(b"old data" * (SIZE // 8))
        for offset, data in gpt.encode(table.with_partition(old)):
            file.seek(offset)
            file.write(data)
    return path


@pytest.fixture
def loop(backing: Path) -> Iterator[str]:
    with attached(backing) as device:
        yield device
