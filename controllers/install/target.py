"""The real disks of a node: steps of an installation carried out by the kernel, mkfs.vfat and mke2fs.

What is mounted meanwhile is below /run/ophite/install, with no set-uid programs, devices or programs, and never outlives its
step. Sources: mount(2); mkfs.vfat(8); mke2fs(8).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path

from controllers.block import gpt
from controllers.block.discovery import device_reader
from controllers.block.kernel import partition_path
from controllers.block.luks import LuksError, LuksPort, SlotKey, mapper_name, mapper_path
from controllers.install import disk_writes
from controllers.install.contents import Contents, read_contents
from controllers.install.ports import Say, Source
from controllers.install.standing import find_standing
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
from controllers.machine.programs import ProgramError
from init.linux import mount as mounts

FLAGS = mounts.MS_NOSUID | mounts.MS_NODEV | mounts.MS_NOEXEC
FORMAT_SECONDS = 120.0
READ_LIMIT = 4 << 20
MAPPING = mapper_name("install")


class KernelTarget:
    """Keeps `InstallPort`. In: `bin_`, where the programs are; `work`, where to mount; `patience` stretches time-outs."""

    def __init__(self, bin_: Path, work: Path, luks: LuksPort, patience: float = 1.0) -> None:
        self._bin = bin_
        self._work = work
        self._luks = luks
        self._patience = patience

    def read_contents(self, disk: str, sector_size: int, size: int) -> Contents:
        """Keep `InstallPort.read_contents`."""
        return read_contents(device_reader(disk), sector_size, size)

    async def release(self, disk: str) -> None:
        """Keep `InstallPort.release`: a STATE that was mounted to look for a configuration, and what a brain that died left."""
        for one in find_standing(disk, mounts.read_mounts()):
            await asyncio.to_thread(mounts.umount, one.target)
            if one.mapping:
                await self._luks.close(one.mapping)
        await self._luks.close(MAPPING)

    def learn(self, disk: str, table: gpt.Table) -> None:
        """Keep `InstallPort.learn`."""
        if not all(Path(partition_path(disk, one.number)).exists() for one in table.partitions):
            disk_writes.announce(disk, table)

    def esp(self, device: str, *, read_only: bool = False) -> AbstractContextManager[EspPort]:
        """Keep `InstallPort.esp`."""
        return mount_esp(device, self._work / "esp", read_only=read_only)

    async def read_state(self, device: str, name: str, keys: tuple[SlotKey, ...]) -> bytes | None:
        """Keep `InstallPort.read_state`. A journal is not replayed: nothing on the disk changes."""
        disk = device.rstrip("0123456789").removesuffix("p") if device[-1:].isdigit() else device
        standing = [one for one in find_standing(disk, mounts.read_mounts()) if one.device == device]
        try:
            if standing:
                return await asyncio.to_thread(read_small, Path(standing[0].target) / name)
            async with self._unlocked(device, keys) as inner:
                return await asyncio.to_thread(self._read_unmounted, inner, name)
        except (OSError, LuksError, ProgramError):
            return None

    def _read_unmounted(self, device: str, name: str) -> bytes:
        with self._mounted(device, "ext4", FLAGS | mounts.MS_RDONLY, "noload") as path:
            return read_small(path / name)

    @asynccontextmanager
    async def _unlocked(self, device: str, keys: tuple[SlotKey, ...]) -> AsyncIterator[str]:
        """Open an encrypted volume for a while; without keys the device itself is it."""
        if not keys:
            yield device
            return
        await self._luks.close(MAPPING)
        await self._luks.open(device, MAPPING, keys)
        try:
            yield mapper_path(MAPPING)
        finally:
            await self._luks.close(MAPPING)

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
        if step.keys:
            await self._luks.close(MAPPING)
            await self._luks.format(step.device, "STATE", step.keys[0])
            await self._luks.sync(step.device, step.keys)
        async with self._unlocked(step.device, step.keys) as device:
            argv = [str(self._bin / "mke2fs"), "-q", "-F", "-t", "ext4", "-m", "0", "-L", "STATE", device]
            await programs.run(argv, FORMAT_SECONDS * self._patience)
            await asyncio.to_thread(self._fill_state, device, step.files)
        await asyncio.to_thread(_sync, step.device)

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


def read_small(path: Path) -> bytes:
    """Return a file, up to a limit. Raises `OSError`."""
    with path.open("rb") as file:
        return file.read(READ_LIMIT)


def _sync(device: str) -> None:
    fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
