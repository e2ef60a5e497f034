"""The hash tree behind the file system."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from image import filesystem
from image.cache import Cache
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


def test_no_time_of_the_builds_environment_comes_into_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pack(argv: Sequence[str | Path], *, env: Mapping[str, str], timeout: float) -> bytes:
        Path(argv[-2]).write_bytes(env["SOURCE_DATE_EPOCH"].encode() * BLOCK)
        return b""

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1750000000")
    monkeypatch.setattr(filesystem, "run", pack)
    monkeypatch.setattr(filesystem, "loader_argv", lambda tools, program: [program])
    (tmp_path / "root").mkdir()
    made = filesystem.make_root_image(Cache(tmp_path / "cache"), tmp_path, tmp_path / "root")
    assert made.path.read_bytes()[:BLOCK] == b"0" * BLOCK
