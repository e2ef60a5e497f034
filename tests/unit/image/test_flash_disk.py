"""A file in a disk's place is written and read like one; failures are told in the words of somebody with a card in the hand."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from image import flash_disk
from image.errors import ImageError
from image.flash_disk import explain, open_disk
from image.flash_source import PIECE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "card.img"
    path.write_bytes(b"\1" * (3 * PIECE))
    return path


def test_writes_zeros_and_reads(path: Path) -> None:
    with open_disk(path) as disk:
        assert (disk.size, disk.block, disk.direct) == (3 * PIECE, False, False)
        disk.write(512, b"\2" * 1024)
        disk.zero(2048, PIECE + 512)
        disk.zero(0, 0)
        disk.sync()
        assert disk.read(0, 4096) == b"\1" * 512 + b"\2" * 1024 + b"\1" * 512 + bytes(2048)
        assert disk.read(PIECE + 2048, 1024) == bytes(512) + b"\1" * 512
        assert disk.tell_kernel() is False
    assert path.stat().st_size == 3 * PIECE


def test_reading_beyond_the_end_is_a_failure(path: Path) -> None:
    with open_disk(path) as disk, pytest.raises(ImageError, match="cannot read at 12 MiB: Input/output error"):
        disk.read(3 * PIECE - 512, 1024)


@pytest.mark.parametrize(
    ("number", "message", "hint"),
    [
        (errno.ENODEV, "PATH has vanished", "was it pulled out"),
        (errno.ENXIO, "PATH has vanished", "was it pulled out"),
        (errno.ENOSPC, "PATH: cannot write at 5 MiB: it is full before its end", "less room than it says"),
        (errno.EROFS, "PATH: cannot write at 5 MiB: it is write-protected", "lock switch"),
        (errno.EIO, "PATH: cannot write at 5 MiB: Input/output error", "worn out"),
    ],
)
def test_what_a_failure_means(path: Path, number: int, message: str, hint: str) -> None:
    error = explain(OSError(number, os.strerror(number)), path, "write", 5 << 20)
    assert error.message == message.replace("PATH", str(path))
    assert hint in error.hint
    assert error.gone is message.endswith("vanished")


def test_any_failure_of_what_is_not_there_any_more_is_that(tmp_path: Path) -> None:
    assert explain(OSError(errno.EIO, "Input/output error"), tmp_path / "gone", "write", 0).gone


@pytest.mark.parametrize(
    ("number", "message", "hint"),
    [
        (errno.EBUSY, "PATH is in use", "unmount it everywhere"),
        (errno.EACCES, "PATH: Permission denied", "sudo"),
        (errno.ENOMEDIUM, "PATH has vanished", "reader"),
    ],
)
def test_what_cannot_be_opened(path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str, hint: str) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("image.flash_disk.os.open", refuse)
    with pytest.raises(ImageError) as caught, open_disk(path):
        pass
    assert caught.value.message == message.replace("PATH", str(path))
    assert hint in caught.value.hint


def test_a_lock_of_another_program_is_waited_for_and_then_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = list[float]()
    monkeypatch.setattr("image.flash_disk.time.sleep", waits.append)
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ImageError, match="is locked by another program"), open_disk(path):
            pass
        assert sum(waits) == pytest.approx(flash_disk.LOCK_TRIES * flash_disk.LOCK_PAUSE)
    with open_disk(path):
        pass


def test_a_write_that_takes_a_part_is_gone_on_with(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwritev
    monkeypatch.setattr("image.flash_disk.os.pwritev", lambda fd, views, at: real(fd, [views[0][:512]], at))
    with open_disk(path) as disk:
        disk.write(1024, b"\3" * 2048)
        assert disk.read(512, 3072) == b"\1" * 512 + b"\3" * 2048 + b"\1" * 512


def test_a_write_that_fails_says_where(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    with open_disk(path) as disk:
        monkeypatch.setattr("image.flash_disk.os.pwritev", fail)
        with pytest.raises(ImageError, match="cannot write at 8 MiB"):
            disk.write(2 * PIECE, b"\1" * 512)
