"""Licences in the manifest."""

from __future__ import annotations

from pathlib import Path

from image.manifest import read_licences


def test_licences_of_a_package(tmp_path: Path) -> None:
    place = tmp_path / "usr/share/doc/tool/copyright"
    place.parent.mkdir(parents=True)
    place.write_text("Files: *\nLicense: MIT\n text\n\nFiles: x\nLicense: GPL-2+ \n\nLicense: MIT\n")
    assert read_licences(tmp_path, "tool") == ["GPL-2+", "MIT"]


def test_a_package_without_a_readable_copyright(tmp_path: Path) -> None:
    assert read_licences(tmp_path, "tool") == ["see the source package"]
