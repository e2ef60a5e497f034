import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from controllers.lifecycle.errors import SlotError
from controllers.lifecycle.esp import DirectoryEsp, Room, mount_esp
from init.linux import mount
from init.linux.mount import Mount


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


class FakeMounts:
    """Records what is mounted and taken away."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, target: Path, *, left_behind: int = 0, busy: bool = False) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.busy = busy
        left = [Mount(1, 0, "8:1", "/", str(target), "rw", "vfat", "/dev/sda2")] * left_behind
        monkeypatch.setattr(mount, "read_mounts", lambda: left)
        monkeypatch.setattr(mount, "mount", lambda *given: self.calls.append(("mount", *given)))
        monkeypatch.setattr(mount, "umount", self.umount)

    def umount(self, target: str, flags: int = 0) -> None:
        self.calls.append(("umount", target, flags))
        if self.busy and not flags:
            raise OSError(16, "Device or resource busy")


SAFE = mount.MS_NOSUID | mount.MS_NODEV | mount.MS_NOEXEC


def test_an_esp_is_mounted_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = FakeMounts(monkeypatch, tmp_path / "esp")
    with mount_esp("/dev/sda2", tmp_path / "esp"):
        assert mounts.calls == [("mount", "/dev/sda2", str(tmp_path / "esp"), "vfat", SAFE, "umask=0077")]
    assert mounts.calls[1:] == [("umount", str(tmp_path / "esp"), 0)]
    assert (tmp_path / "esp").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("code", "expected"), [(19, SlotError), (5, OSError)])
def test_a_kernel_without_fat_is_no_disk_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, expected: type[Exception]
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    FakeMounts(monkeypatch, tmp_path / "esp")
    monkeypatch.setattr(mount, "mount", fail)
    with (
        pytest.raises(expected, match="the kernel knows no FAT" if code == 19 else "Input/output"),
        mount_esp("/dev/sda2", tmp_path),
    ):
        pass


def test_who_only_looks_cannot_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = FakeMounts(monkeypatch, tmp_path / "esp")
    with mount_esp("/dev/sda2", tmp_path / "esp", read_only=True):
        assert mounts.calls[0][4] == SAFE | mount.MS_RDONLY


def test_what_a_killed_brain_left_mounted_is_taken_away_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = FakeMounts(monkeypatch, tmp_path / "esp", left_behind=2)
    with mount_esp("/dev/sda2", tmp_path / "esp"):
        assert [call[0] for call in mounts.calls] == ["umount", "umount", "mount"]


def test_a_busy_esp_goes_as_soon_as_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = FakeMounts(monkeypatch, tmp_path / "esp", busy=True)
    with mount_esp("/dev/sda2", tmp_path / "esp"):
        pass
    assert mounts.calls[1:] == [("umount", str(tmp_path / "esp"), 0), ("umount", str(tmp_path / "esp"), mount.MNT_DETACH)]


def test_an_error_is_not_hidden_by_the_end_of_the_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = FakeMounts(monkeypatch, tmp_path / "esp", busy=True)
    with pytest.raises(KeyError), mount_esp("/dev/sda2", tmp_path / "esp"):
        raise KeyError
    assert mounts.calls[-1] == ("umount", str(tmp_path / "esp"), mount.MNT_DETACH)
