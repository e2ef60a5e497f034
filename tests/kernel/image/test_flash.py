"""A real image on a real block device: written, compared, and refused or found out where it has to be."""

import hashlib
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from controllers.block import gpt
from image.flash import main
from image.flash_disk import BLKRRPART, FlashError, OpenDisk, open_disk
from image.flash_source import PIECE
from image.flash_write import check_body
from image.run import get_program
from image.run import run as run_tool
from tests.harness.loop_disks import attached, run, skip_without

pytestmark = pytest.mark.kernel

MIB = 1 << 20
SIZE = 96 * MIB
IMAGE_SIZE = 24 * MIB
MAPPER = Path("/sys/class/misc/device-mapper")
needs_mapper = pytest.mark.skipif(not MAPPER.exists(), reason="this kernel has no device mapper")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A disk image with a table, a FAT file system, noise and zeros."""
    path = tmp_path / "small.img"
    table = gpt.new_table(UUID(int=1), 512, IMAGE_SIZE // 512)
    table = table.with_partition(gpt.Partition(1, gpt.LINUX_FILESYSTEM, UUID(int=2), 2048, 2048 * 12 - 1, "BOOT"))
    table = table.with_partition(gpt.Partition(2, gpt.LINUX_FILESYSTEM, UUID(int=3), 2048 * 12, 2048 * 20 - 1, "DATA"))
    with path.open("wb") as file:
        file.truncate(IMAGE_SIZE)
        file.seek(12 * MIB)
        file.write(b"".join(hashlib.sha256(bytes([index])).digest() * 32768 for index in range(8)))
        for offset, data in gpt.encode(table):
            file.seek(offset)
            file.write(data)
    run("mkfs.vfat", "--offset=2048", "-n", "CARD", path, str(10 * 1024))
    return path


@pytest.fixture
def backing(tmp_path: Path) -> Path:
    """What is behind the target: full of old data, with a table at its end."""
    path = tmp_path / "card.img"
    table = gpt.new_table(UUID(int=9), 512, SIZE // 512)
    old = gpt.Partition(1, gpt.LINUX_FILESYSTEM, UUID(int=8), 2048, 2048 * 64 - 1, "old")
    with path.open("wb") as file:
        file.write(b"old data" * (SIZE // 8))
        for offset, data in gpt.encode(table.with_partition(old)):
            file.seek(offset)
            file.write(data)
    return path


@pytest.fixture
def loop(backing: Path) -> Iterator[str]:
    with attached(backing) as device:
        yield device


def flash(loop: str, image: Path, *words: str) -> int:
    return main([loop, "--image", str(image), "--force", "--yes", *words])


def read(loop: str, offset: int, length: int) -> bytes:
    with Path(loop).open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return os.pread(file.fileno(), length, offset)


def is_whole(loop: str, image: Path) -> bool:
    return read(loop, 0, IMAGE_SIZE) == image.read_bytes()


def is_old(loop: str) -> bool:
    return read(loop, 8 * MIB, 8 * MIB) == b"old data" * MIB and read(loop, 512, 8) == b"EFI PART"


def boots(loop: str) -> bool:
    return any(read(loop, 0, PIECE))


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


def test_a_disk_that_is_built_in_takes_force(loop: str, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([loop, "--image", str(image), "--yes"]) == 1
    assert "neither a USB disk nor an SD card" in capsys.readouterr().err
    assert is_old(loop)


def test_a_partition_is_refused(loop: str, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not Path(f"{loop}p1").exists():
        pytest.skip("this kernel makes no partitions of loop devices")
    assert flash(f"{loop}p1", image) == 1
    assert f"{loop}p1 is a partition\nhint: the whole disk is {loop};" in capsys.readouterr().err
    assert is_old(loop)


def test_a_disk_that_is_too_small_is_refused(tmp_path: Path, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = tmp_path / "small-card.img"
    small.write_bytes(b"\1" * (IMAGE_SIZE - MIB))
    with attached(small) as loop:
        assert flash(loop, image) == 1
        assert not set(read(loop, 0, MIB)) - {1}
    assert "small.img needs 24.0 MiB" in capsys.readouterr().err


def test_a_disk_that_is_read_only_is_refused(backing: Path, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with attached(backing, "--read-only") as loop:
        assert flash(loop, image) == 1
        assert "it is read-only" in capsys.readouterr().err
        assert is_old(loop)


@contextmanager
def mounted(device: str, place: Path) -> Iterator[None]:
    place.mkdir()
    run("mount", device, place)
    try:
        yield
    finally:
        run("umount", place)


def test_a_disk_that_is_mounted_is_refused(loop: str, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part = f"{loop}p1"
    if not Path(part).exists():
        pytest.skip("this kernel makes no partitions of loop devices")
    run("mke2fs", "-q", "-F", part)
    with mounted(part, tmp_path / "mount"):
        assert flash(loop, image) == 1
        assert f"{part[5:]} is mounted at {tmp_path}/mount (umount {tmp_path}/mount)" in capsys.readouterr().err
    assert run("e2fsck", "-fn", part)
    assert flash(loop, image) == 0


def test_a_mount_that_only_another_namespace_has_is_refused(
    loop: str, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("mke2fs", "-q", "-F", loop)
    place = tmp_path / "mount"
    place.mkdir()
    script = f"mount {loop} {place} && echo ready && sleep 60"
    argv = ["unshare", "--mount", "--propagation=private", "sh", "-c", script]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "ready\n"
            assert flash(loop, image) == 1
            assert f"error: {loop} is in use\nhint: unmount it everywhere, in containers too" in capsys.readouterr().err
        finally:
            os.killpg(other.pid, signal.SIGKILL)
    assert run("e2fsck", "-fn", loop)


def test_swap_space_is_refused(loop: str, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("mkswap", loop)
    if subprocess.run(["swapon", loop], capture_output=True, check=False).returncode:
        pytest.skip("this kernel or container does not swap")
    try:
        assert flash(loop, image) == 1
        assert f"{loop[5:]} is swap space of the running system" in capsys.readouterr().err
    finally:
        run("swapoff", loop)


def test_a_loop_device_on_the_disk_is_refused(loop: str, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with attached(Path(loop)) as upper:
        assert flash(loop, image) == 1
        assert f"{loop[5:]} is behind the loop device {upper[5:]} (losetup --detach {upper})" in capsys.readouterr().err
    assert is_old(loop)


@needs_mapper
def test_an_encrypted_volume_on_the_disk_is_refused(loop: str, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"flash-{os.getpid()}"
    subprocess.run(["cryptsetup", "luksFormat", "-q", "--pbkdf=pbkdf2", loop, "-"], input=b"key", check=True)
    subprocess.run(["cryptsetup", "open", "--key-file=-", loop, name], input=b"key", check=True)
    try:
        assert flash(loop, image) == 1
        assert f"is in use by the encrypted volume {name} (cryptsetup close {name})" in capsys.readouterr().err
    finally:
        run("cryptsetup", "close", name)


@needs_mapper
def test_a_logical_volume_on_the_disk_is_refused(loop: str, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skip_without("vgcreate")
    group = f"flash{os.getpid()}"
    run("vgcreate", "-y", group, loop)
    try:
        run("lvcreate", "-y", "-L", "8M", "-n", "data", group)
        assert flash(loop, image) == 1
        assert f"is in use by the logical volume {group}-data (vgchange --activate n {group})" in capsys.readouterr().err
    finally:
        run("vgremove", "-f", group)


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


Tamper = Callable[[Callable[[], None]], None]


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


def test_the_disk_of_the_running_system_is_refused(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not on a disk that could be hurt: only if the root is on one that this test may ask about, and --yes is never said."""
    source = run("findmnt", "--noheadings", "--output", "SOURCE", "/").strip()
    disk = run("lsblk", "--noheadings", "--output", "PKNAME", source).strip() if Path(source).is_block_device() else ""
    whole = f"/dev/{disk}" if disk else source
    if not Path(whole).is_block_device():
        pytest.skip("the root of this machine is on no disk")
    assert main([whole, "--image", str(image), "--force"]) == 1
    assert "is mounted at /: the running system" in capsys.readouterr().err


def test_the_disks_are_listed(loop: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) in (0, 1)  # 1: a machine without disks
    assert "Traceback" not in capsys.readouterr().err


def test_a_disk_that_has_gone_is_said_to_have_gone(tmp_path: Path) -> None:
    node = tmp_path / "gone"
    node.write_bytes(bytes(MIB))
    with open_disk(node) as disk:
        node.unlink()
        assert isinstance(disk, OpenDisk)
        with pytest.raises(FlashError, match="has vanished"):
            disk.read(2 * MIB, 512)
