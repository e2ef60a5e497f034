"""Real disks for tests as root: images behind loop devices, and the volume controllers on top of them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from controllers.block import gpt
from controllers.block.discovery import DiscoveryController, Refresh
from controllers.block.kernel import KernelDisks
from controllers.block.luks import Luks
from controllers.block.sysfs import list_devices
from controllers.block.volume_apply import VolumeApplyController
from controllers.block.volume_config import VolumeConfigController
from controllers.ports import Paths, Ports
from controllers.resources.block import Disk, VolumePhase, VolumeStatus
from controllers.resources.hardware import SystemInformation
from controllers.resources.machine import ConfigStatus, KernelModuleStatus, PlatformInfo
from controllers.resources.reset import ResetHold
from controllers.runtime.controller import Wanted
from controllers.runtime.resource import Resource, new
from init.linux.mount import read_mounts
from tests.harness.clock import FakeClock
from tests.harness.reconcile import run_reconcile, run_reconcile_async

MIB = 1024 * 1024
SECOND = "second"


class NodePaths(Paths):
    """Volumes below a directory, sysfs and devices the real ones."""

    @property
    def sys(self) -> Path:
        return Path("/sys")

    @property
    def dev(self) -> Path:
        return Path("/dev")


def run(*argv: str | Path) -> str:
    """Run a program that has to succeed; return its output."""
    return subprocess.run([str(one) for one in argv], capture_output=True, text=True, check=True).stdout


@contextmanager
def attached(path: Path, *options: str) -> Iterator[str]:
    """Attach an image; the kernel is told of the partitions even if it has no GPT."""
    loop = run("losetup", "--find", "--show", "--partscan", *options, path).strip()
    subprocess.run(["partx", "--add", loop], capture_output=True, check=False)
    try:
        yield loop
    finally:
        subprocess.run(["partx", "--delete", loop], capture_output=True, check=False)
        run("losetup", "--detach", loop)


class LoopDisk:
    """A disk image as a loop device. `serial` is what a selector finds it by; sizes in bytes."""

    def __init__(self, image: Path, *, sector: int = 512, serial: str = "", read_only: bool = False) -> None:
        self.image, self.sector, self.serial, self.read_only = image, sector, serial, read_only
        self.loop = ""

    def write(self, size: int, *partitions: gpt.Partition, disk_size: int = 0) -> None:
        """Make an image of `size` with a table, and then a disk of `disk_size` around it."""
        table = gpt.new_table(UUID(int=1), self.sector, size // self.sector)
        for one in partitions:
            table = table.with_partition(one)
        with self.image.open("wb") as file:
            for offset, data in gpt.encode(table):
                file.seek(offset)
                file.write(data)
            file.truncate(disk_size or size)

    def blank(self, size: int) -> None:
        """Make an image of zeros."""
        with self.image.open("wb") as file:
            file.truncate(size)

    def resize(self, size: int) -> None:
        """Change the size of the image, and of the device if there is one."""
        with self.image.open("r+b") as file:
            file.truncate(size)
        if self.loop:
            run("losetup", "--set-capacity", self.loop)

    def attach(self) -> None:
        """Make the loop device."""
        options = ["--sector-size", str(self.sector)] + (["--read-only"] if self.read_only else [])
        self.loop = run("losetup", "--find", "--show", "--partscan", *options, str(self.image)).strip()
        # A host's kernel may be built without GPT; partx then tells it of the partitions.
        subprocess.run(["partx", "--add", "--sector-size", str(self.sector), self.loop], capture_output=True, check=False)

    def detach(self) -> None:
        """Take the loop device away."""
        if self.loop:
            subprocess.run(["partx", "--delete", self.loop], capture_output=True, check=False)
            run("losetup", "--detach", self.loop)
            self.loop = ""

    def describe(self) -> Disk:
        """Return the disk as discovery would."""
        size = self.image.stat().st_size // 512 * 512
        name = self.serial or "system"
        return Disk(
            path=self.loop,
            size=size,
            serial=name,
            system=not self.serial,
            sector_size=self.sector,
            read_only=self.read_only,
        )

    def check_table(self) -> None:
        """Let other programs judge the partition table."""
        assert "No problems found" in run("sgdisk", "-v", self.loop)
        assert "No errors detected" in run("sfdisk", "--verify", self.loop)


class LoopMachine:
    """A node's volumes on loop devices; the first disk is the system disk."""

    def __init__(self, root: Path, *disks: LoopDisk) -> None:
        self.root, self.disks = root, list(disks)
        for name in ("state", "var"):
            (root / name).mkdir()
        self.restart()

    def restart(self) -> None:
        """Begin a new life of the brain."""
        self.ports = Ports(clock=FakeClock(), paths=NodePaths(self.root))
        luks = Luks(Path("/usr/sbin"), self.root / "keys")
        self.controller = VolumeApplyController(self.ports, KernelDisks(Path("/usr/sbin")), luks, Refresh())
        self.own: list[Resource[VolumeStatus]] = []

    def attach(self) -> None:
        for disk in self.disks:
            disk.attach()

    def detach(self) -> None:
        """Unmount everything, the last first, and take the disks away."""
        for mount in reversed(read_mounts()):
            if mount.target.startswith(f"{self.root}/"):
                run("umount", mount.target)
        for disk in self.disks:
            disk.detach()

    def discover(self) -> list[Resource[Any]]:
        """Return what the real discovery finds on the disks that are attached."""
        names = {disk.loop.rpartition("/")[2] for disk in self.disks if disk.loop}
        devices = [one for one in list_devices(Path("/sys"), Path("/dev")) if one.name in names or one.parent in names]
        given = [new(one.name, one) for one in devices]
        found = run_reconcile(DiscoveryController(self.ports, Refresh()), given)
        return [*given, *(new(one.id, one.spec) for one in found)]

    async def reconcile(self, *documents: Resource[Any], complete: bool = True) -> dict[str, VolumeStatus]:
        """Reconcile until nothing is announced any more."""
        disks = [new(disk.loop.rpartition("/")[2], disk.describe()) for disk in self.disks if disk.loop]
        specs = [new(one.id, one.spec) for one in run_reconcile(VolumeConfigController(self.ports), [*documents, *disks])]
        now, found = 1000.0, dict[str, VolumeStatus]()
        for _ in range(12):
            given: list[Resource[Any]] = [
                *(*specs, *documents, *disks, *self.discover()),
                new("config", ConfigStatus(complete=complete)),
                new("platform", PlatformInfo(platform="metal")),
                new("reset", ResetHold()),
                new("system", SystemInformation(uuid="12345678-9abc-4def-8123-456789abcdef")),
                *(new(name, KernelModuleStatus(name=name, state="builtin")) for name in ("ext4", "xfs", "vfat", "dm_crypt")),
            ]
            wanted: list[Wanted] = await run_reconcile_async(self.controller, given, own=self.own, now=now)
            found = {one.id: one.spec for one in wanted if isinstance(one.spec, VolumeStatus)}
            self.own = [new(label, status) for label, status in found.items()]
            if now > 1100 and all(one.phase is not VolumePhase.LOCATED for one in found.values()):
                return found
            now += 60
        raise AssertionError(f"volumes are announced for ever: {found}")

    def options(self, name: str) -> set[str]:
        """Return the options with which a directory below the root is mounted."""
        target = str(self.root / name)
        return next((set(one.options.split(",")) for one in reversed(read_mounts()) if one.target == target), set())


def may_grow_filesystems() -> bool:
    """ext4 wants CAP_SYS_RESOURCE (capability 24) for that, which some build machines take away."""
    mask = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff"))
    return bool(int(mask.split()[1], 16) >> 24 & 1)


def skip_without(program: str) -> None:
    """Skip a test on a machine without a program."""
    if subprocess.run(["which", program], capture_output=True, check=False).returncode:
        pytest.skip(f"{program} is not installed")
