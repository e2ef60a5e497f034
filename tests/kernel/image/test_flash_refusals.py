"""Disks that somebody uses, or that are none, are left as they are."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from image.flash import main
from tests.harness.flashing import IMAGE_SIZE, MIB, flash, is_old, read
from tests.harness.loop_disks import attached, run, skip_without

pytestmark = pytest.mark.kernel

MAPPER = Path("/sys/class/misc/device-mapper")
needs_mapper = pytest.mark.skipif(not MAPPER.exists(), reason="this kernel has no device mapper")


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


def test_the_disk_of_the_running_system_is_refused(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not on a disk that could be hurt: only if the root is on one that this test may ask about, and --yes is never said."""
    source = run("findmnt", "--noheadings", "--output", "SOURCE", "/").strip()
    disk = run("lsblk", "--noheadings", "--output", "PKNAME", source).strip() if Path(source).is_block_device() else ""
    whole = f"/dev/{disk}" if disk else source
    if not Path(whole).is_block_device():
        pytest.skip("the root of this machine is on no disk")
    assert main([whole, "--image", str(image), "--force"]) == 1
    assert "is mounted at /: the running system" in capsys.readouterr().err
