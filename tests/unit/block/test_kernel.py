"""The disks' port on files in place of devices."""

import fcntl
import os
import struct
from pathlib import Path
from uuid import UUID

import pytest

from controllers.block import filesystems, gpt, swap
from controllers.block.disk_state import Content
from controllers.block.kernel import InUse, KernelDisks
from controllers.block.superblocks import Superblock, probe
from controllers.block.volume_steps import Clear, Format, Mount, Unmount, WriteTable, partition_path
from init.linux import mount as mounts

MIB = 1024 * 1024


def test_names_of_partitions() -> None:
    assert [partition_path(disk, 2) for disk in ("/dev/sda", "/dev/nvme0n1", "/dev/mmcblk0", "/dev/loop7")] == [
        "/dev/sda2",
        "/dev/nvme0n1p2",
        "/dev/mmcblk0p2",
        "/dev/loop7p2",
    ]


def test_what_is_on_a_disk(tmp_path: Path) -> None:
    image = tmp_path / "vda"
    table = gpt.new_table(UUID(int=1), 512, 8 * MIB // 512)
    for number, label in ((1, "one"), (2, "two"), (3, "unknown to the kernel")):
        table = table.with_partition(
            gpt.Partition(number, gpt.LINUX_FILESYSTEM, UUID(int=number), 2048 * number, 2048 * number + 99, label)
        )
    data = bytearray(8 * MIB)
    for offset, piece in gpt.encode(table):
        data[offset : offset + len(piece)] = piece
    image.write_bytes(data)
    (tmp_path / "vda1").write_bytes(b"XFSB" + bytes(MIB))
    (tmp_path / "vda2").write_bytes(bytes(MIB))
    state = KernelDisks().inspect(str(image), 8 * MIB, 512, True)
    assert state.table is not None
    assert state.read_only
    assert state.partitions == {1: Content(Superblock("xfs")), 2: Content(blank=True)}
    blank = tmp_path / "vdb"
    blank.write_bytes(bytes(MIB))
    assert KernelDisks().inspect(str(blank), MIB, 512, False).content == Content(blank=True)


async def test_swap_space_is_made_without_a_program(tmp_path: Path) -> None:
    image = tmp_path / "swap"
    image.write_bytes(bytes(MIB))
    await KernelDisks().execute(Format(str(image), "swap", "s-one"))
    found = probe(lambda offset, length: image.read_bytes()[offset : offset + length])
    assert found is not None
    assert (found.filesystem, found.label, len(found.uuid)) == ("swap", "s-one", 36)


async def test_ends_are_cleared_and_nothing_between(tmp_path: Path) -> None:
    image = tmp_path / "part"
    image.write_bytes(b"x" * 4 * MIB)
    await KernelDisks().execute(Clear(str(image)))
    assert image.read_bytes() == bytes(MIB) + b"x" * 2 * MIB + bytes(MIB)
    small = tmp_path / "small"
    small.write_bytes(b"x" * 1000)
    await KernelDisks().execute(Clear(str(small)))
    assert small.read_bytes() == bytes(1000)
    with pytest.raises(OSError, match="is not there or has no size"):
        await KernelDisks().execute(Clear(str(tmp_path / "gone")))


async def test_a_table_is_stored_and_an_error_names_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = tmp_path / "disk"
    image.write_bytes(bytes(4 * MIB))
    table = gpt.new_table(UUID(int=1), 512, 4 * MIB // 512)
    await KernelDisks().execute(WriteTable(str(image), table, "add x"))
    read = image.read_bytes()
    found = gpt.parse(lambda offset, length: read[offset : offset + length], 512, 4 * MIB)
    assert found is not None
    assert found.is_current
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: len(data) - 1)
    with pytest.raises(OSError, match="only a part was written; is the disk still there"):
        await KernelDisks().execute(WriteTable(str(image), table, "add x"))


MOUNTS = [
    mounts.Mount(1, 0, "254:1", "/", "/state", "rw,nosuid", "ext4", "/dev/vda1"),
    mounts.Mount(2, 0, "0:50", "/", "/var", "rw", "tmpfs", "tmpfs"),
    mounts.Mount(3, 0, "254:9", "/", "/var/mnt/data", "ro,nodev", "ext4", "/dev/vdb1"),
    mounts.Mount(4, 0, "254:9", "/", "/var/mnt/data/deep", "rw", "ext4", "/dev/vdb1"),
    mounts.Mount(5, 0, "254:9", "/", "/elsewhere", "rw", "ext4", "/dev/vdb1"),
    mounts.Mount(6, 0, "254:1", "/", "/state", "rw", "ext4", "/dev/vda2"),
]


def test_what_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path / "dev/block/254:1"
    device.mkdir(parents=True)
    (device / "size").write_text("2048\n")
    monkeypatch.setattr(mounts, "read_mounts", lambda: MOUNTS)
    monkeypatch.setattr(swap, "read_swaps", lambda: [str(tmp_path / "none")])
    found = KernelDisks(sys=tmp_path).list_in_use({"/state", "/var"}, "/var/mnt")
    assert found == [
        InUse("/dev/vda2", "/state", MIB),
        InUse("tmpfs", "/var"),
        InUse("/dev/vdb1", "/var/mnt/data", gone=True, read_only=True),
        InUse(str(tmp_path / "none")),
    ]


@pytest.mark.parametrize(
    ("step", "flags"),
    [
        (Mount("/dev/vda1", "ext4", "", executable=False), mounts.MS_NOEXEC),
        (Mount("/dev/vda1", "ext3", "", read_only=True), mounts.MS_RDONLY),
        (Mount("/dev/vda1", "xfs", ""), 0),
    ],
)
async def test_flags_of_mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Mount, flags: int) -> None:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(mounts, "mount", lambda *arguments: calls.append(arguments))
    target = tmp_path / "mnt/data"
    await KernelDisks().execute(Mount(step.device, step.filesystem, str(target), step.executable, step.read_only))
    kind = "xfs" if step.filesystem == "xfs" else "ext4"
    always = mounts.MS_NOSUID | mounts.MS_NODEV | mounts.MS_RELATIME
    assert calls == [("/dev/vda1", str(target), kind, always | flags, "")]
    assert target.is_dir()


@pytest.mark.parametrize(("step", "flags"), [(Unmount("/x"), 0), (Unmount("/x", lazily=True), mounts.MNT_DETACH)])
async def test_unmounting(monkeypatch: pytest.MonkeyPatch, step: Unmount, flags: int) -> None:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(mounts, "umount", lambda *arguments: calls.append(arguments))
    await KernelDisks().execute(step)
    assert calls == [("/x", flags)]


def test_ioctls_are_made_of_their_parts() -> None:
    def iow(letter: str, number: int, size: int) -> int:  # asm-generic/ioctl.h
        return 1 << 30 | size << 16 | ord(letter) << 8 | number

    assert iow("f", 16, 8) == filesystems.EXT4_IOC_RESIZE_FS
    assert iow("X", 110, filesystems.XFS_GROWFS_DATA.size) == filesystems.XFS_IOC_FSGROWFSDATA


def test_xfs_grows_in_its_own_blocks_and_keeps_its_share_of_inodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bytes] = []
    monkeypatch.setattr(fcntl, "ioctl", lambda fd, number, argument: calls.append(argument))
    superblock = bytearray(b"XFSB" + struct.pack(">I", 4096) + bytes(504))
    superblock[127] = 25
    filesystems.grow_xfs(str(tmp_path), 10 * 4096 + 17, bytes(superblock))
    assert calls == [struct.pack("=QII", 10, 25, 0)]
    with pytest.raises(ValueError, match="makes no sense"):
        filesystems.grow_xfs(str(tmp_path), 4096, bytes(512))
