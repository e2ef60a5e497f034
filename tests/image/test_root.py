"""What is in a built root image: the written list of programs and nothing else, and Python that works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from image.arch import AMD64
from image.etcfiles import DIRECTORIES, LINKS
from image.executables import LINKS as PROGRAM_LINKS
from image.executables import list_executables
from image.formats.elf import ET_EXEC, parse_elf
from image.rootfs import iterate_elf
from image.run import run

if TYPE_CHECKING:
    from conftest import Built  # type: ignore[import-not-found]  # pytest's own, found when it runs

pytestmark = [pytest.mark.image, pytest.mark.timeout(3600)]
PROGRAMS = {item.path for item in list_executables(AMD64)}


def files(root: Path) -> dict[str, Path]:
    return {p.relative_to(root).as_posix(): p for p in root.rglob("*") if p.is_file() and not p.is_symlink()}


def test_every_executable_is_on_the_written_list(built: Built) -> None:
    found = {name for name, path in files(built.root).items() if path.stat().st_mode & 0o111}
    assert found == PROGRAMS


def test_nothing_else_could_be_executed_if_it_were_allowed(built: Built) -> None:
    scripts = [name for name, path in files(built.root).items() if path.read_bytes()[:2] == b"#!"]
    static = [
        path.relative_to(built.root).as_posix()
        for path in iterate_elf(built.root)
        if parse_elf(path.read_bytes()).kind == ET_EXEC
    ]
    assert scripts == []
    assert set(static) <= PROGRAMS


def test_no_set_user_id_and_nothing_writable(built: Built) -> None:
    modes = {name: path.stat().st_mode & 0o7777 for name, path in files(built.root).items()}
    assert set(modes.values()) == {0o644, 0o755}


def test_every_link_leads_to_a_program_or_a_place(built: Built) -> None:
    assert all((built.root / name).is_symlink() for name in (*LINKS, *PROGRAM_LINKS))
    assert all((built.root / name).is_dir() for name in DIRECTORIES)
    for name, target in PROGRAM_LINKS.items():
        assert ((built.root / name).parent / target).relative_to(built.root).as_posix() in PROGRAMS


def test_no_sources_and_no_stale_byte_code(built: Built) -> None:
    names = files(built.root)
    assert [name for name in names if name.endswith((".py", ".pyi", ".c", ".h", ".a"))] == []
    assert [name for name in names if "__pycache__" in name] == []
    headers = {path.read_bytes()[4:8] for name, path in names.items() if name.endswith(".pyc")}
    assert headers == {b"\x01\x00\x00\x00"}  # a hash that is never checked (PEP 552)


@pytest.mark.parametrize(
    "name", ["init.__main__", "controllers.__main__", "controllers.all", "api.server.__main__", "pyroute2", "etcd3aio"]
)
def test_the_nodes_python_imports_our_code(built: Built, name: str) -> None:
    lib = built.root / "usr/lib"
    interpreter = built.root / "usr/bin/python3.13"
    script = f"import sys; sys.path[:0] = [{str(lib / 'ophite')!r}, {str(lib / 'ophite/site-packages')!r}]; import {name}"
    argv = [built.root / AMD64.loader, "--argv0", interpreter, "--library-path", lib / AMD64.triplet, interpreter]
    run([*argv, "-I", "-S", "-B", "-c", script], timeout=120)


def test_the_release_and_the_module_index(built: Built) -> None:
    release = json.loads((built.root / "usr/share/ophite/release.json").read_text())
    assert {key: release[key] for key in ("board", "arch", "kubernetes")} == {
        "board": "cloud",
        "arch": "amd64",
        "kubernetes": built.manifest["kubernetes"],
    }
    index = json.loads((built.root / "usr/lib/ophite/modules.json").read_text())
    paths = {path for order in index["order"].values() for path in order}
    assert "br_netfilter" in index["order"]
    assert paths
    assert all((built.root / path.lstrip("/")).is_file() for path in paths)


def test_images_are_preloaded(built: Built) -> None:
    names = sorted(path.name for path in (built.root / "usr/share/ophite/images").iterdir())
    assert names == ["pause.tar", "static.tar"]
