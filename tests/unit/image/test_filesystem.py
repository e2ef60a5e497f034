"""The hash tree behind the file system."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from image.errors import ImageError
from image.filesystem import append_tree
from image.formats.verity import BLOCK


def test_the_tree_lies_behind_the_data_and_the_salt_is_the_datas_hash(tmp_path: Path) -> None:
    data = b"".join(bytes([number]) * BLOCK for number in range(3))
    path = tmp_path / "root.erofs"
    path.write_bytes(data)
    facts = append_tree(path)
    assert facts["blocks"] == 3
    assert facts["salt"] == hashlib.sha256(data).hexdigest()
    written = path.read_bytes()
    assert written[: len(data)] == data
    assert hashlib.sha256(bytes.fromhex(str(facts["salt"])) + written[len(data) :]).hexdigest() == facts["root_hash"]


def test_half_a_file_system_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "root.erofs"
    path.write_bytes(b"x" * (BLOCK + 1))
    with pytest.raises(ImageError, match="not a multiple of 4096"):
        append_tree(path)
