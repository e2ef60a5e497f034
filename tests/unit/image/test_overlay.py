"""Files laid over the root tree."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from image import overlay
from image.errors import ImageError
from image.overlay import check_overlay, lay_overlay


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """An overlay, and a tree whose file `etc/x` shares its content with the cache; compiling is renaming."""

    def compile_tree(tools: Path, source: Path, target: Path, prefix: str) -> None:
        for path in source.rglob("*.py"):
            (target / path.relative_to(source)).with_suffix(".pyc").write_text(f"{prefix} {path.read_text()}")

    monkeypatch.setattr(overlay, "compile_tree", compile_tree)
    over, root = tmp_path / "over", tmp_path / "root"
    for top, names in ((over, ("etc/x", "usr/lib/ophite/init/boot.py")), (root, ("usr/lib/ophite/init/boot.pyc",))):
        for name in names:
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(f"{top.name} {name}")
    (root / "etc").mkdir()
    (tmp_path / "cached").write_text("cached")
    os.link(tmp_path / "cached", root / "etc/x")
    return over, root


def test_files_are_replaced_and_the_cache_keeps_its_own(places: tuple[Path, Path], tmp_path: Path) -> None:
    over, root = places
    (over / "link").symlink_to("etc/x")
    lay_overlay(over, root, Path())
    assert (root / "etc/x").read_text() == "over etc/x"
    assert (tmp_path / "cached").read_text() == "cached"
    assert (root / "link").readlink() == Path("etc/x")
    assert (over / "etc/x").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cached", "over", "root"]


def test_sources_become_byte_code(places: tuple[Path, Path]) -> None:
    over, root = places
    lay_overlay(over, root, Path())
    place = root / "usr/lib/ophite/init"
    assert (place / "boot.pyc").read_text() == "/usr/lib/ophite over usr/lib/ophite/init/boot.py"
    assert [path.name for path in place.iterdir()] == ["boot.pyc"]


def test_a_file_does_not_replace_a_directory(places: tuple[Path, Path]) -> None:
    over, root = places
    (over / "usr/lib/ophite/init/boot.py").unlink()
    (over / "usr/lib/ophite/init").rmdir()
    (over / "usr/lib/ophite/init").write_text("a file")
    with pytest.raises(ImageError, match="where the root has the directory init"):
        lay_overlay(over, root, Path())


def test_an_overlay_must_hold_something(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such directory"):
        check_overlay(tmp_path / "none")
    with pytest.raises(ImageError, match="no files in it"):
        check_overlay(tmp_path)
