"""dm-verity hash trees (kernel: Documentation/admin-guide/device-mapper/verity.rst), version 1, SHA-256, without a superblock.

The tree lies directly behind the data: top level first, each level a run of blocks with the hashes of the level below.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

BLOCK = 4096
DIGEST = 32
FAN_OUT = BLOCK // DIGEST


@dataclass(frozen=True)
class Tree:
    """A hash tree: its bytes as they lie on disk, the root hash, and the number of data blocks it covers."""

    data: bytes
    root_hash: str
    blocks: int


def build_tree(stream: BinaryIO, salt: bytes) -> Tree:
    """Hash `stream` to its end. Raises `ValueError` when it is empty or not a whole number of 4096-byte blocks."""
    level = b"".join(_hash(block, salt) for block in read_blocks(stream))
    blocks = len(level) // DIGEST
    if blocks == 0:
        raise ValueError("nothing to hash")
    levels: list[bytes] = []
    while len(level) > DIGEST:
        padded = level + bytes(-len(level) % BLOCK)
        levels.append(padded)
        level = b"".join(_hash(padded[i : i + BLOCK], salt) for i in range(0, len(padded), BLOCK))
    return Tree(b"".join(reversed(levels)), level.hex(), blocks)


def read_blocks(stream: BinaryIO) -> Iterator[bytes]:
    """The 4096-byte blocks of a stream."""
    while block := stream.read(BLOCK):
        if len(block) != BLOCK:
            raise ValueError(f"the last block has {len(block)} bytes instead of {BLOCK}")
        yield block


def _hash(block: bytes, salt: bytes) -> bytes:
    return hashlib.sha256(salt + block).digest()


def render_parameter(root_hash: str, salt: str, blocks: int) -> str:
    """The value of `ophite.verity=` on the kernel's command line."""
    return f"{root_hash}:{salt}:{blocks}"


def partition_id(root_hash: str) -> str:
    """The GPT unique id of the root partition: the first 128 bits of the root hash, as the specification of
    Discoverable Partitions has it (written as a UUID, so in the order of its digits)."""
    digits = root_hash[:32]
    cuts: Iterable[tuple[int, int]] = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
    return "-".join(digits[start:end] for start, end in cuts)
