"""Disks that lose, change or refuse what is written to them are found out, and do not boot."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from image.flash_disk import FlashError, OpenDisk, open_disk
from image.flash_source import PIECE
from image.flash_write import check_body
from tests.harness.flashing import MIB, SIZE, boots, flash
from tests.harness.loop_disks import attached, run

pytestmark = pytest.mark.kernel

Tamper = Callable[[Callable[[], None]], None]
MAPPER = Path("/sys/class/misc/device-mapper")
needs_mapper = pytest.mark.skipif(not MAPPER.exists(), reason="this kernel has no device mapper")


@needs_mapper
def test_a_bad_spot_is_found(loop: str, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, sectors = f"flash-{os.getpid()}", SIZE // 512
    bad = 14 * MIB // 512
    table = f"0 {bad} linear {loop} 0\n{bad} 8 error\n{bad + 8} {sectors - bad - 8} linear {loop} {bad + 8}\n"
    subprocess.run(["dmsetup", "create", name], input=table.encode(), check=True)
    try:
        with pytest.raises(FlashError, match=r"cannot write at 1[2-4] MiB"), open_disk(Path(f"/dev/mapper/{name}")) as disk:
            disk.write(12 * MIB, b"\1" * PIECE)
    finally:
        run("dmsetup", "remove", name)


@pytest.fixture
def tamper(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Do something to the target between the writing and the comparing."""

    def tamper(harm: Callable[[], None]) -> None:
        real = check_body

        def check(*words: object) -> None:
            harm()
            real(*words)  # type: ignore[arg-type]  # handed on as it came

        monkeypatch.setattr("image.flash_run.check_body", check)

    return tamper


def change(backing: Path, offset: int, data: bytes) -> None:
    with backing.open("r+b") as file:
        file.seek(offset)
        file.write(data)
        os.fsync(file.fileno())


def test_a_byte_that_the_disk_changed_is_found(
    loop: str, backing: Path, image: Path, tamper: Tamper, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(lambda: change(backing, 13 * MIB, b"x"))
    assert flash(loop, image) == 1
    assert "1 of 6 pieces are not as they were written, the first at 12 MiB\nhint: take another card" in capsys.readouterr().err
    assert not boots(loop)


def test_a_disk_that_gives_back_another_address_is_found(
    loop: str, backing: Path, image: Path, tamper: Tamper, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(lambda: change(backing, 12 * MIB, image.read_bytes()[16 * MIB : 20 * MIB]))
    assert flash(loop, image) == 1
    assert "at 12 MiB there is what belongs to 16 MiB: it is smaller than it says" in capsys.readouterr().err
    assert not boots(loop)


def test_a_disk_that_loses_what_is_behind_the_image_is_found(
    loop: str, backing: Path, image: Path, tamper: Tamper, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(lambda: change(backing, 48 * MIB, bytes(4096)))
    assert flash(loop, image) == 1
    said = "what was written at 48 MiB is not there any more: it is smaller than it says"
    assert said in capsys.readouterr().err
    assert not boots(loop)


def test_a_disk_that_ends_early_while_it_is_read(
    loop: str, backing: Path, image: Path, tamper: Tamper, capsys: pytest.CaptureFixture[str]
) -> None:
    def cut() -> None:
        os.truncate(backing, 14 * MIB)

    tamper(cut)
    assert flash(loop, image) == 1
    assert "pieces are not as they were written, the first at 12 MiB" in capsys.readouterr().err


def test_a_disk_without_room_behind_it(tmp_path: Path, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file with holes on a small file system: the device says 96 MiB and takes 16."""
    place = tmp_path / "small"
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=16M", "none", place)
    try:
        with (place / "card.img").open("wb") as file:
            file.truncate(SIZE)
        with attached(place / "card.img") as loop:
            assert flash(loop, image, "--no-verify") == 1
            error = capsys.readouterr().err
            assert "cannot write at" in error
            assert "take another one" in error
            assert not boots(loop)
    finally:
        run("umount", place)


def test_an_interrupted_flash_does_not_boot(loop: str, image: Path, tamper: Tamper, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    tamper(interrupt)
    assert flash(loop, image) == 130
    assert not boots(loop)
    assert "Traceback" not in capsys.readouterr().err


def test_a_disk_that_has_gone_is_said_to_have_gone(tmp_path: Path) -> None:
    node = tmp_path / "gone"
    node.write_bytes(bytes(MIB))
    with open_disk(node) as disk:
        node.unlink()
        assert isinstance(disk, OpenDisk)
        with pytest.raises(FlashError, match="has vanished"):
            disk.read(2 * MIB, 512)
