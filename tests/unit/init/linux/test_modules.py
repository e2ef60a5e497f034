"""The module index and what happens to problems."""

import json
from pathlib import Path

import pytest

from init.linux import modules
from init.linux.modules import ModuleIndex, load_modules, parse_index

INDEX = {"order": {"virtio_net": ["/a.ko.xz", "/b.ko"]}, "aliases": {"eth-x": "virtio_net"}}


def test_names_are_found_with_either_dash_and_by_alias() -> None:
    index = parse_index(json.dumps(INDEX))
    for name in ("virtio_net", "virtio-net", "eth-x"):
        assert index.find_files(name) == ["/a.ko.xz", "/b.ko"]
    assert index.find_files("nowhere") is None
    assert ModuleIndex({"dm-mod": ["x"]}, {}).find_files("dm_mod") == ["x"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"order": [], "aliases": {}}', '{"order": {}, "aliases": []}'])
def test_a_broken_index_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_index(text)


def test_problems_are_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "modules.json"
    assert load_modules(["x"], str(path))[0].startswith(f"module index {path}: ")
    path.write_text(json.dumps(INDEX))
    seen: list[str] = []

    def load(file: str) -> None:
        seen.append(file)
        if file == "/a.ko.xz":
            raise OSError(8, "Exec format error")

    monkeypatch.setattr(modules, "load_file", load)
    assert load_modules(["gone", "eth-x"], str(path)) == ["module gone is not in this image", "/a.ko.xz: Exec format error"]
    assert seen == ["/a.ko.xz", "/b.ko"]


@pytest.mark.parametrize(("name", "flags"), [("x.ko", 0), ("x.ko.xz", 4), ("x.ko.zst", 4)])
def test_compressed_files_are_loaded_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, flags: int
) -> None:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(modules, "call", lambda *arguments, what: calls.append(arguments))
    (tmp_path / name).touch()
    modules.load_file(str(tmp_path / name))
    assert calls[0][4] == flags
