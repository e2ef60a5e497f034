"""The verity table and the sizes that follow from it."""

import hashlib

import pytest

from init.linux import dm
from init.linux.dm import BLOCK, Verity

HASH = "00112233445566778899aabbccddeeff" * 2


def test_the_table() -> None:
    verity = Verity(HASH, "aa", 10)
    assert verity.table("/dev/vda3") == f"1 /dev/vda3 /dev/vda3 4096 4096 10 10 sha256 {HASH} aa"
    assert verity.table("/dev/x", dm.PANIC).endswith(f"{HASH} aa 1 panic_on_corruption")
    assert " - 1 panic" in Verity(HASH, "", 1).table("x", dm.PANIC)


def test_the_partition_is_named_by_the_hash() -> None:
    assert Verity(HASH, "", 1).partition_guid == "00112233-4455-6677-8899-aabbccddeeff"


def tree_blocks(blocks: int) -> int:
    """Count the tree by building it."""
    level, total = [hashlib.sha256(b"x").digest()] * blocks, 0
    while True:
        packed = [b"".join(level[start : start + 128]).ljust(BLOCK, b"\0") for start in range(0, len(level), 128)]
        total += len(packed)
        level = [hashlib.sha256(block).digest() for block in packed]
        if len(level) == 1:
            return total


@pytest.mark.parametrize("blocks", [1, 2, 127, 128, 129, 16384, 16385])
def test_the_size_of_the_tree(blocks: int) -> None:
    assert Verity(HASH, "", blocks).hash_blocks() == tree_blocks(blocks)
    assert Verity(HASH, "", blocks).size() == (blocks + tree_blocks(blocks)) * BLOCK


def test_structures_have_the_kernels_sizes() -> None:
    assert dm._IOCTL.size == 312
    assert dm._TARGET.size == 40
