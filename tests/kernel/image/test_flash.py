"""A real image on a real block device: asked for, written and compared."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from image.flash import main
from image.flash_disk import BLKRRPART, open_disk
from image.run import get_program
from image.run import run as run_tool
from tests.harness.flashing import MIB, SIZE, boots, flash, is_old, is_whole, read
from tests.harness.loop_disks import attached, run

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize("packed", ["", "xz", "zstd"])
def test_what_is_written_is_the_image(loop: str, image: Path, packed: str, capsys: pytest.CaptureFixture[str]) -> None:
    source = image
    if packed:
        run_tool([get_program(packed), "-1", "-q", "-k", image])
        source = image.with_name(image.name + {"xz": ".xz", "zstd": ".zst"}[packed])
    assert flash(loop, source) == 0
    shown = capsys.readouterr().err
    assert is_whole(loop, image)
    assert read(loop, SIZE - MIB, MIB) == bytes(MIB)
    assert f"{loop}, 96.0 MiB" in shown
    assert "holds      gpt" in shown
    assert "old" in shown
    assert "comparing" in shown
    assert "done:" in shown


def test_the_table_is_read_again(loop: str, image: Path) -> None:
    assert flash(loop, image) == 0
    dump = run("sfdisk", "--dump", loop)
    assert 'name="BOOT"' in dump
    assert 'name="old"' not in dump


def test_zeros_of_the_image_are_zeros_on_the_disk(loop: str, image: Path) -> None:
    assert b"old data" in read(loop, 20 * MIB, MIB)
    assert flash(loop, image, "--no-verify") == 0
    assert not any(read(loop, 20 * MIB, MIB))
    assert is_whole(loop, image)


def test_nobody_else_may_open_it_exclusively_meanwhile(loop: str) -> None:
    with open_disk(Path(loop)) as disk:
        assert (disk.block, disk.direct, disk.size) == (True, True, SIZE)
        with pytest.raises(OSError, match="busy"):
            os.close(os.open(loop, os.O_RDWR | os.O_EXCL))
        disk.write(512, b"\2" * 512)
        disk.zero(4096, 8 * MIB)
        assert disk.read(0, 8192)[512:1024] == b"\2" * 512
        assert disk.read(4096, 4096) == bytes(4096)
    os.close(os.open(loop, os.O_RDWR | os.O_EXCL))


def test_the_table_is_read_again_by_the_holder(loop: str) -> None:
    """BLKRRPART works on a device that one's own exclusive open holds; not on every loop device, so only the call is tried."""
    assert BLKRRPART == 0x125F
    with open_disk(Path(loop)) as disk:
        assert disk.tell_kernel() in (True, False)


def test_sectors_of_4096_bytes_are_refused_for_a_table_of_512(
    tmp_path: Path, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    big = tmp_path / "big.img"
    big.write_bytes(bytes(SIZE))
    with attached(big, "--sector-size", "4096") as loop:
        assert flash(loop, image) == 1
        assert "sectors of 4096 bytes" in capsys.readouterr().err
        assert not boots(loop)


def answer(loop: str, image: Path, text: str) -> tuple[int, str]:
    """Run the real command on a terminal of its own and type an answer to its question."""
    argv = [sys.executable, "-m", "image.flash", loop, "--image", str(image), "--force"]
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - the other process
        os.execv(argv[0], argv)
    seen = b""
    while b"to go on: " not in seen:
        seen += os.read(terminal, 4096)
    os.write(terminal, text.encode())
    try:
        while data := os.read(terminal, 4096):
            seen += data
    except OSError:  # EIO: the other end is closed
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()


def test_the_name_that_is_typed_decides(loop: str, image: Path) -> None:
    for wrong in ("yes\n", "\n", "\x04", f"{loop}\n"):
        code, seen = answer(loop, image, wrong)
        assert code == 1, seen
        assert "nothing was written" in seen
        assert is_old(loop)
    code, seen = answer(loop, image, f"{loop[5:]}\n")
    assert code == 0, seen
    assert is_whole(loop, image)


def test_without_a_terminal_it_takes_a_word(loop: str, image: Path) -> None:
    argv = [sys.executable, "-m", "image.flash", loop, "--image", str(image), "--force"]
    done = subprocess.run(argv, input=f"{loop[5:]}\n", capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "nobody is there to ask" in done.stderr, "hint: --yes" in done.stderr) == (1, True, True)
    assert is_old(loop)


def test_the_disks_are_listed(loop: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) in (0, 1)  # 1: a machine without disks
    assert "Traceback" not in capsys.readouterr().err
