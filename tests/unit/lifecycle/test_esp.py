import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from controllers.lifecycle.esp import DirectoryEsp, Room


@pytest.fixture
def esp(tmp_path: Path) -> DirectoryEsp:
    return DirectoryEsp(tmp_path)


def test_files_are_written_renamed_overwritten_and_removed(esp: DirectoryEsp, tmp_path: Path) -> None:
    esp.write("a/b/file.new", [b"one ", b"two"])
    esp.rename("a/b/file.new", "a/b/file")
    assert (tmp_path / "a/b/file").read_bytes() == b"one two"
    assert esp.list_names("a/b") == ["file"]
    assert esp.find_size("a/b/file") == 7
    assert esp.read("a/b/file", 3, 4) == b"two"
    assert esp.hash_stored("a/b/file") == sha256(b"one two").hexdigest()
    inode = (tmp_path / "a/b/file").stat().st_ino
    esp.overwrite("a/b/file", b"ONE")
    assert (tmp_path / "a/b/file").read_bytes() == b"ONE two"
    assert (tmp_path / "a/b/file").stat().st_ino == inode
    esp.remove("a/b/file")
    esp.remove("a/b/file")
    assert esp.list_names("a/b") == []


def test_what_is_not_there_is_no_error_for_who_looks(esp: DirectoryEsp) -> None:
    assert esp.list_names("nothing") == []
    assert esp.find_size("nothing/file") is None
    esp.remove("nothing/file")


def test_directories_and_links_are_no_files(esp: DirectoryEsp, tmp_path: Path) -> None:
    (tmp_path / "d/sub").mkdir(parents=True)
    (tmp_path / "d/link").symlink_to("/etc/passwd")
    assert esp.list_names("d") == []


def test_room_counts_whole_clusters(esp: DirectoryEsp) -> None:
    assert esp.measure().free > 0
    assert [Room(0, 4096).take(size) for size in (0, 1, 4096, 4097)] == [0, 4096, 4096, 8192]


def record(monkeypatch: pytest.MonkeyPatch, log: list[str], name: str) -> None:
    real: Callable[[int], None] = getattr(os, name)

    def recorded(fd: int) -> None:
        log.append(Path(f"/proc/self/fd/{fd}").readlink().name)
        real(fd)

    monkeypatch.setattr(os, name, recorded)


def test_a_file_is_synced_before_its_directory(esp: DirectoryEsp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    record(monkeypatch, synced, "fsync")
    esp.write("d/file.new", [b"x"])
    assert synced == [tmp_path.name, "file.new", "d"]
    synced.clear()
    esp.rename("d/file.new", "d/file")
    esp.overwrite("d/file", b"y")
    esp.remove("d/file")
    assert synced == ["d", "file", "d"]


def test_a_write_that_fails_says_so(esp: DirectoryEsp, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        esp.write("file", [b"x"])
