"""Hash trees, against values computed by hand from the kernel's description."""

from __future__ import annotations

import hashlib
import io

import pytest

from image.formats.verity import BLOCK, build_tree, partition_id, render_parameter

SALT = bytes(range(32))


def hashed(block: bytes) -> bytes:
    return hashlib.sha256(SALT + block).digest()


def test_one_block_needs_no_tree() -> None:
    tree = build_tree(io.BytesIO(b"x" * BLOCK), SALT)
    assert (tree.data, tree.blocks, tree.root_hash) == (b"", 1, hashed(b"x" * BLOCK).hex())


def test_two_blocks_have_one_level() -> None:
    blocks = (b"a" * BLOCK, b"b" * BLOCK)
    level = (hashed(blocks[0]) + hashed(blocks[1])).ljust(BLOCK, b"\0")
    tree = build_tree(io.BytesIO(b"".join(blocks)), SALT)
    assert tree.data == level
    assert tree.root_hash == hashed(level).hex()


def test_two_levels_lie_top_first() -> None:
    blocks = [bytes([number]) * BLOCK for number in range(129)]
    hashes = b"".join(hashed(block) for block in blocks)
    bottom = hashes.ljust(2 * BLOCK, b"\0")
    top = (hashed(bottom[:BLOCK]) + hashed(bottom[BLOCK:])).ljust(BLOCK, b"\0")
    tree = build_tree(io.BytesIO(b"".join(blocks)), SALT)
    assert tree.data == top + bottom
    assert (tree.blocks, tree.root_hash) == (129, hashed(top).hex())


@pytest.mark.parametrize("place", [0, BLOCK - 1, 5 * BLOCK + 7, 200 * BLOCK - 1])
def test_any_flipped_byte_changes_the_root_hash(place: int) -> None:
    data = bytearray(200 * BLOCK)
    before = build_tree(io.BytesIO(data), SALT).root_hash
    data[place] ^= 1
    assert build_tree(io.BytesIO(data), SALT).root_hash != before


@pytest.mark.parametrize(("size", "words"), [(0, "nothing to hash"), (BLOCK + 1, "has 1 bytes")])
def test_bad_sizes_are_refused(size: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build_tree(io.BytesIO(bytes(size)), SALT)


def test_names_for_others() -> None:
    root_hash = "00112233445566778899aabbccddeeff" + "0" * 32
    assert partition_id(root_hash) == "00112233-4455-6677-8899-aabbccddeeff"
    assert render_parameter("ab", "cd", 7) == "ab:cd:7"
