"""Wheels: unpacked safely, described by their metadata, locked with a hash each."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from image.arch import ARM64
from image.errors import ImageError
from image.wheels import LOCK, WANTED, pip_target, read_wheel, unpack_wheel

METADATA = "Metadata-Version: 2.1\nName: thing\nVersion: 1.2\n"


def make_wheel(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_unpacked(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "thing.whl", {"thing/__init__.py": "x = 1\n"})
    unpack_wheel(wheel, tmp_path / "out")
    assert (tmp_path / "out/thing/__init__.py").read_text() == "x = 1\n"


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil", "a/../../evil"])
def test_an_entry_that_leaves_the_directory_is_refused(tmp_path: Path, name: str) -> None:
    wheel = make_wheel(tmp_path / "thing.whl", {"good.py": "", name: ""})
    with pytest.raises(ImageError, match="leaves the directory"):
        unpack_wheel(wheel, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ("License-Expression: MIT\n", "MIT"),
        ("License: BSD\n", "BSD"),
        ("Classifier: License :: OSI Approved :: Apache Software License\n", "Apache Software License"),
        ("", "unknown"),
    ],
)
def test_metadata(tmp_path: Path, fields: str, licence: str) -> None:
    wheel = make_wheel(tmp_path / "thing.whl", {"thing-1.2.dist-info/METADATA": METADATA + fields})
    assert read_wheel(wheel) == ("thing", "1.2", licence)


def test_the_lock_has_every_wanted_package_with_hashes() -> None:
    wanted = {line.split()[0].lower() for line in WANTED.read_text().splitlines() if line and not line.startswith("#")}
    blocks = re.split(r"\n(?=[a-z])", LOCK.read_text())[1:]
    entries = {block.partition("==")[0]: block for block in blocks}
    assert wanted <= set(entries)
    assert all("--hash=sha256:" in rest for rest in entries.values())


def test_pip_looks_for_the_nodes_wheels() -> None:
    words = pip_target(ARM64)
    assert "manylinux2014_aarch64" in words
    assert words[words.index("--python-version") + 1] == "3.13"
    assert words[-2:] == ["--only-binary", ":all:"]
