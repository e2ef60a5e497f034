"""The cache: made once, by content, never half."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from image.cache import Cache, digest, digest_tree


def test_an_entry_is_made_once(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    made: list[Path] = []

    def make(directory: Path) -> None:
        made.append(directory)
        (directory / "x").write_text(str(len(made)))

    first = cache.entry("kind", "key", make)
    assert first == cache.entry("kind", "key", make)
    assert (first / "x").read_text() == "1"
    assert len(made) == 1
    again = replace(cache, fresh=frozenset({"kind"})).entry("kind", "key", make)
    assert (again / "x").read_text() == "2"


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail(directory: Path) -> None:
        (directory / "half").touch()
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        Cache(tmp_path).entry("kind", "key", fail)
    assert [path.name for path in (tmp_path / "kind").iterdir()] == [".key.lock"]


def test_pruning_keeps_the_most_recently_used(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for number in range(4):
        path = cache.entry("kind", str(number), lambda directory: None)
        os.utime(path, (number, number))
    cache.entry("kind", "0", lambda directory: None)  # used again, so the newest
    cache.prune("kind", keep=2)
    cache.prune("nothing")
    assert sorted(path.name for path in (tmp_path / "kind").iterdir() if path.is_dir()) == ["0", "3"]


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPHITE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Cache.default().root == tmp_path / "ophite"
    monkeypatch.setenv("OPHITE_CACHE", str(tmp_path / "own"))
    assert Cache.default().root == tmp_path / "own"


def test_paths_count_by_content(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for path in (one, two):
        path.mkdir()
        (path / "file").write_text("same")
        (path / "link").symlink_to("file")
    assert digest("x", one) == digest("x", two)
    assert digest_tree(one) == digest_tree(two)
    (two / "file").chmod(0o755)
    assert digest("x", one) != digest("x", two)
    with pytest.raises(TypeError, match="cache key"):
        digest(object())
