"""The real disks of a node: steps of an installation carried out by the kernel, mkfs.vfat and mke2fs.

What is mounted meanwhile is below /run/ophite/install, with no set-uid programs, devices or programs, and never outlives its
step. Sources: mount(2); mkfs.vfat(8); mke2fs(8).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from controllers.block import gpt
from controllers.block.discovery import device_reader
from controllers.block.kernel import partition_path
from controllers.install import disk_writes
from controllers.install.contents import Contents, read_contents
from controllers.install.ports import Say, Source
from controllers.install.steps import (
    Activate,
    Clear,
    MakeEsp,
    MakeMeta,
    MakeState,
    Step,
    WriteBootCode,
    WriteBootFiles,
    WriteMark,
    WriteRoot,
    WriteTable,
)
from controllers.lifecycle.esp import EspPort, mount_esp
from controllers.machine import programs
from controllers.machine.identity import write_durably
from init.linux import mount as mounts

FLAGS = mounts.MS_NOSUID | mounts.MS_NODEV | mounts.MS_NOEXEC
FORMAT_SECONDS = 120.0
READ_LIMIT = 4 << 20


class KernelTarget:
    """Keeps `InstallPort`. In: `bin_`, where the programs are; `work`, where to mount; `patience` stretches time-outs."""

    def __init__(self, bin_: Path, work: Path, patience: float = 1.0) -> None:
        self._bin = bin_
        self._work = work
        self._patience = patience

    def read_contents(self, disk: str, sector_size: int, size: int) -> Contents:
        """Keep `InstallPort.read_contents`."""
        return read_contents(device_reader(disk), sector_size, size)

    def release(self, disk: str) -> None:
        """Keep `InstallPort.release`: a STATE that was mounted to look for a configuration."""
        prefix = partition_path(disk, 0)[:-1]
        for one in reversed(mounts.read_mounts()):
            if one.source.startswith(prefix) and one.source.removeprefix(prefix).isdecimal():
                mounts.umount(one.target)

    def learn(self, disk: str, table: gpt.Table) -> None:
        """Keep `InstallPort.learn`."""
        if not all(Path(partition_path(disk, one.number)).exists() for one in table.partitions):
            disk_writes.announce(disk, table)

    def esp(self, device: str, *, read_only: bool = False) -> AbstractContextManager[EspPort]:
        """Keep `InstallPort.esp`."""
        return mount_esp(device, self._work / "esp", read_only=read_only)

    def read_state(self, device: str, name: str) -> bytes | None:
        """Keep `InstallPort.read_state`. A journal is not replayed: nothing on the disk changes."""
        mounted = next((one.target for one in mounts.read_mounts() if one.source == device), "")
        try:
            if mounted:
                return (Path(mounted) / name).read_bytes()[:READ_LIMIT]
            with self._mounted(device, "ext4", FLAGS | mounts.MS_RDONLY, "noload") as path:
                return (path / name).read_bytes()[:READ_LIMIT]
        except OSError:
            return None

    async def execute(self, step: Step, source: Source, say: Say) -> None:
        """Keep `InstallPort.execute`."""
        match step:
            case MakeEsp():
                await self._make_esp(step)
            case MakeState():
                await self._make_state(step)
            case _:
                await asyncio.to_thread(self._execute, step, source, say)

    def _execute(self, step: Step, source: Source, say: Say) -> None:
        match step:
            case WriteMark():
                disk_writes.write_mark(step.disk, step.data)
            case Clear():
                disk_writes.clear(step.disk, step.ranges, say)
            case WriteTable():
                disk_writes.write_table(step.disk, step.table)
            case WriteRoot():
                source.write_root(step.disk, say)
            case WriteBootFiles():
                with self.esp(step.device) as esp:
                    source.write_boot_files(step.disk, esp, step.words, say)
            case MakeMeta():
                disk_writes.zero_device(step.device, step.size)
            case Activate():
                with self.esp(step.device) as esp:
                    source.activate(step.disk, esp, step.words)
            case WriteBootCode():
                boot, core = source.read("grub/boot.img"), source.read("grub/core.img")
                disk_writes.write_boot_code(step.disk, boot, core, step.offset, step.room)

    async def _make_esp(self, step: MakeEsp) -> None:
        argv = [str(self._bin / "mkfs.vfat"), "-F", "32", "-n", "ESP", step.device]
        await programs.run(argv, FORMAT_SECONDS * self._patience)
        await asyncio.to_thread(_sync, step.device)

    async def _make_state(self, step: MakeState) -> None:
        argv = [str(self._bin / "mke2fs"), "-q", "-F", "-t", "ext4", "-m", "0", "-L", "STATE", step.device]
        await programs.run(argv, FORMAT_SECONDS * self._patience)
        await asyncio.to_thread(self._fill_state, step.device, step.files)

    def _fill_state(self, device: str, files: Mapping[str, bytes]) -> None:
        with self._mounted(device, "ext4", FLAGS) as path:
            for name, data in files.items():
                write_durably(path / name, data)
        _sync(device)

    @contextmanager
    def _mounted(self, device: str, filesystem: str, flags: int, options: str = "") -> Iterator[Path]:
        path = self._work / filesystem
        path.mkdir(parents=True, exist_ok=True)
        mounts.mount(device, str(path), filesystem, flags, options)
        try:
            yield path
        finally:
            mounts.umount(str(path))


def _sync(device: str) -> None:
    fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
