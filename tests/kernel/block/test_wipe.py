"""A reset of a real block device: after it nothing of the pattern that filled it can be read, by the real program."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from controllers.block import gpt
from controllers.block.luks import HEADER, Luks
from controllers.block.luks_keys import SlotKey
from controllers.block.wipe import open_device
from controllers.block.wipe_plan import Target, WipePlan, order_steps, render_plan
from controllers.block.wipe_record import KEY
from controllers.lifecycle.reset_record import FORMAT, Place, ResetRecord, Wanted, parse_record, render_record
from controllers.lifecycle.reset_rest import find_rest, plan_rest
from controllers.resources.block import DiscoveredVolume, Disk
from init.linux.meta import read_meta, write_meta
from tests.harness.loop_disks import attached, run

pytestmark = pytest.mark.kernel

PROJECT = Path(__file__).resolve().parents[3]
MIB = 1024 * 1024
PATTERN = b"what nobody may read"
SIZE = 96 * MIB
STATE = gpt.Partition(1, gpt.LINUX_FILESYSTEM, UUID(int=6), 2048, 2048 + 20 * 2048 - 1, "STATE")
DATA = gpt.Partition(2, gpt.LINUX_FILESYSTEM, UUID(int=7), 65536, 65536 + 40 * 2048 - 1, "u-data")


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[str]:
    """A disk full of a pattern, with two partitions."""
    image = tmp_path / "disk.img"
    table = gpt.new_table(UUID(int=1), 512, SIZE // 512).with_partition(STATE).with_partition(DATA)
    with image.open("wb") as file:
        file.write((PATTERN * (SIZE // len(PATTERN) + 1))[:SIZE])
        for offset, data in gpt.encode(table):
            file.seek(offset)
            file.write(data)
    with suppress(subprocess.CalledProcessError), attached(image) as device:
        yield device


def wipe(tmp_path: Path, *targets: Target, limit: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run the last program of a reset as PID 1 does."""
    plan = tmp_path / "reset.json"
    plan.write_text(render_plan(WipePlan(order_steps(targets), limit)))
    program = str(PROJECT / "controllers/block/wipe_main.py")
    return subprocess.run([sys.executable, "-I", "-S", program, str(plan)], capture_output=True, text=True, check=False)


def read(loop: str, partition: gpt.Partition | None = None) -> bytes:
    with open_device(loop) as device:
        if partition is None:
            return os.pread(device.fd, SIZE, 0)
        return os.pread(device.fd, partition.sectors * 512, partition.first * 512)


def read_table(loop: str) -> gpt.Table | None:
    with open_device(loop) as device:
        return gpt.parse(lambda offset, length: os.pread(device.fd, length, offset), 512, device.size)


def make_meta(tmp_path: Path, wanted: gpt.Partition) -> str:
    """META in a file, with the record of a reset of one partition."""
    meta = tmp_path / "meta"
    meta.write_bytes(bytes(MIB))
    disk = Place(path="/dev/loop", system=True)
    what = Wanted(disk=disk, uuid=str(wanted.uuid), label="STATE", size=wanted.sectors * 512)
    write_meta(str(meta), {KEY: render_record(ResetRecord(format=FORMAT, request="one", targets=(what,)))})
    return str(meta)


def find_record(meta: str) -> ResetRecord | None:
    text = read_meta(meta).values.get(KEY)
    return parse_record(text) if text else None


def plan_next(loop: str, meta: str) -> WipePlan:
    """Return the plan of the boot that finds the record."""
    record, table, name = find_record(meta), read_table(loop), loop.rpartition("/")[2]
    assert record is not None
    assert table is not None
    volumes = {name: DiscoveredVolume(path=loop, size=SIZE, filesystem="gpt")}
    for one in table.partitions:
        path, size = f"{loop}p{one.number}", one.sectors * 512
        volumes[f"{name}p{one.number}"] = DiscoveredVolume(
            path=path, size=size, parent=name, partition_label=one.label, partition_uuid=str(one.uuid)
        )
    rest = find_rest(record, {name: Disk(path=loop, size=SIZE, system=True)}, volumes)
    return plan_rest(record, rest, 1.0, meta)


def test_a_program_that_is_killed_or_comes_to_its_limit_is_continued(loop: str, tmp_path: Path) -> None:
    before, meta = read(loop, DATA), make_meta(tmp_path, STATE)
    program, path = str(PROJECT / "controllers/block/wipe_main.py"), tmp_path / "reset.json"
    path.write_text(render_plan(plan_next(loop, meta)))
    with subprocess.Popen([sys.executable, "-I", "-S", program, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("reset: erase the beginning")
        process.kill()
    assert find_record(meta) is not None
    path.write_text(render_plan(replace(plan_next(loop, meta), limit=0.0)))
    done = subprocess.run([sys.executable, "-I", "-S", program, str(path)], capture_output=True, text=True, check=False)
    record, table = find_record(meta), read_table(loop)
    assert done.returncode == 1
    assert record is not None
    assert "the time was over" in record.problems[0]
    assert table is not None
    assert [one.label for one in table.partitions] == ["STATE", "u-data"], "the next boot has to find it"
    path.write_text(render_plan(plan_next(loop, meta)))
    done = subprocess.run([sys.executable, "-I", "-S", program, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    table = read_table(loop)
    assert find_record(meta) is None
    assert not any(read(loop, STATE))
    assert read(loop, DATA) == before
    assert table is not None
    assert [one.label for one in table.partitions] == ["u-data"]


def target(loop: str, number: int, partition: gpt.Partition, *, ends_only: bool = False) -> Target:
    size = partition.sectors * 512
    return Target(f"{loop}p{number}", size, partition.label, ends_only, loop, str(partition.uuid))


def test_of_a_partition_nothing_is_left_and_the_others_are_whole(loop: str, tmp_path: Path) -> None:
    before = read(loop, DATA)
    assert PATTERN in read(loop, STATE)
    done = wipe(tmp_path, target(loop, 1, STATE))
    assert (done.returncode, done.stderr) == (0, "")
    assert not any(read(loop, STATE))
    assert read(loop, DATA) == before
    table = read_table(loop)
    assert table is not None
    assert [one.label for one in table.partitions] == ["u-data"]
    assert "No problems found" in run("sgdisk", "-v", loop)
    assert f"reset: done: {20 * MIB} of {20 * MIB} bytes overwritten" in done.stdout


def test_of_a_disk_nothing_is_left_at_all(loop: str, tmp_path: Path) -> None:
    done = wipe(tmp_path, Target(loop, SIZE, "disk"))
    assert done.returncode == 0, done.stdout
    assert not any(read(loop))


def test_the_program_ends_in_time_and_says_what_is_left(loop: str, tmp_path: Path) -> None:
    done = wipe(tmp_path, Target(loop, SIZE, "disk"), limit=0.0)
    assert done.returncode == 1
    assert "the time was over at 0 % of disk" in done.stdout
    assert not any(read(loop)[: 16 * MIB])
    assert not any(read(loop)[-16 * MIB :])


def test_a_mounted_volume_is_destroyed_all_the_same(loop: str, tmp_path: Path) -> None:
    run("mke2fs", "-q", "-F", "-t", "ext4", f"{loop}p2")
    mount = tmp_path / "mount"
    mount.mkdir()
    run("mount", f"{loop}p2", str(mount))
    try:
        (mount / "file").write_bytes(PATTERN * 100_000)
        os.sync()
        with (mount / "busy").open("w"):
            done = wipe(tmp_path, target(loop, 2, DATA))
    finally:
        run("umount", "--lazy", str(mount))
    assert done.returncode == 0, done.stdout
    run("blockdev", "--flushbufs", loop)
    assert PATTERN not in read(loop, DATA)


async def test_an_encrypted_volume_never_opens_again(loop: str, tmp_path: Path) -> None:
    device, key = f"{loop}p2", SlotKey(0, b"a good passphrase")
    luks = Luks(Path("/usr/sbin"), tmp_path / "kept", patience=5.0)
    await luks.format(device, "u-data", key)
    assert await luks._fits(device, key)
    done = wipe(tmp_path, target(loop, 2, DATA, ends_only=True))
    assert done.returncode == 0, done.stdout
    assert not any(read(loop, DATA)[:HEADER])
    assert b"LUKS" not in read(loop, DATA)[:HEADER]


def test_a_plan_that_cannot_be_read_destroys_nothing(loop: str, tmp_path: Path) -> None:
    before = read(loop)
    program = str(PROJECT / "controllers/block/wipe_main.py")
    for plan in (tmp_path / "none", Path("/dev/zero")):
        argv = [sys.executable, "-I", "-S", program, str(plan)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 1
        assert "nothing was destroyed" in done.stdout
    assert read(loop) == before
