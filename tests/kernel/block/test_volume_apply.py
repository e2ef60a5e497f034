"""STATE and EPHEMERAL on a real disk: a loop device with the image's partition table, sgdisk as the judge."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from controllers.block import gpt
from controllers.block.discovery import Refresh, device_reader
from controllers.block.kernel import KernelDisks
from controllers.block.volume_apply import VolumeApplyController
from controllers.block.volume_config import VolumeConfigController
from controllers.ports import Paths, Ports
from controllers.resources.block import Disk, VolumePhase, VolumeStatus
from controllers.resources.machine import ConfigStatus, KernelModuleStatus, PlatformInfo
from controllers.runtime.controller import Wanted
from controllers.runtime.resource import Resource, new
from init.linux.mount import read_mounts
from tests.harness.clock import FakeClock
from tests.harness.reconcile import run_reconcile, run_reconcile_async

pytestmark = pytest.mark.kernel

MIB = 1024 * 1024
ROOT = gpt.Partition(3, gpt.LINUX_FILESYSTEM, UUID(int=3), 2048, 2048 + 8 * 2048 - 1, "ROOT-A")
STATE = gpt.Partition(6, gpt.LINUX_FILESYSTEM, UUID(int=6), 40960, 40960 + 64 * 2048 - 1, "STATE")


class Machine:
    """A disk image as a loop device, and the two directories where its volumes go."""

    def __init__(self, root: Path) -> None:
        self.root, self.image, self.loop = root, root / "disk.img", ""
        for name in ("state", "var"):
            (root / name).mkdir()

    def write(self, size: int, *partitions: gpt.Partition, disk_size: int) -> None:
        """Make an image of `size` with a table, and then a disk of `disk_size` around it."""
        table = gpt.new_table(UUID(int=1), 512, size // 512)
        for one in partitions:
            table = table.with_partition(one)
        with self.image.open("wb") as file:
            for offset, data in gpt.encode(table):
                file.seek(offset)
                file.write(data)
            file.truncate(disk_size)

    def attach(self) -> None:
        self.loop = run("losetup", "--find", "--show", "--partscan", str(self.image)).strip()
        # A host's kernel may be built without GPT; partx then tells it of the partitions.
        subprocess.run(["partx", "--add", self.loop], capture_output=True, check=False)

    def detach(self) -> None:
        for name in ("state", "var"):
            while any(one.target == str(self.root / name) for one in read_mounts()):
                run("umount", str(self.root / name))
        if self.loop:
            subprocess.run(["partx", "--delete", self.loop], capture_output=True, check=False)
            run("losetup", "--detach", self.loop)
            self.loop = ""

    async def reconcile(self, *, complete: bool) -> dict[str, VolumeStatus]:
        """Run the two controllers once, as at a start of the brain."""
        ports = Ports(clock=FakeClock(), paths=NodePaths(self.root))
        specs = [new(one.id, one.spec) for one in run_reconcile(VolumeConfigController(ports))]
        disk = Disk(path=self.loop, size=self.image.stat().st_size, system=True)
        given: list[Resource[Any]] = [
            *specs,
            new("loop", disk),
            new("config", ConfigStatus(complete=complete)),
            new("platform", PlatformInfo(platform="metal")),
            new("ext4", KernelModuleStatus(name="ext4", state="builtin")),
        ]
        controller = VolumeApplyController(ports, KernelDisks(Path("/usr/sbin")), Refresh())
        while True:
            wanted: list[Wanted] = await run_reconcile_async(controller, given)
            found = {one.id: one.spec for one in wanted if isinstance(one.spec, VolumeStatus)}
            if all(one.phase is not VolumePhase.LOCATED for one in found.values()):
                return found


class NodePaths(Paths):
    """Volumes below a directory, sysfs the real one."""

    @property
    def sys(self) -> Path:
        return Path("/sys")


def run(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    try:
        yield made
    finally:
        with suppress(subprocess.CalledProcessError):
            made.detach()


def may_grow_filesystems() -> bool:
    """ext4 wants CAP_SYS_RESOURCE (capability 24) for that, which some build machines take away."""
    mask = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff"))
    return bool(int(mask.split()[1], 16) >> 24 & 1)


def read_start(machine: Machine) -> bytes:
    """Everything that the image had: the table and its partitions."""
    return device_reader(machine.image)(0, 96 * MIB)


def check_table(machine: Machine) -> None:
    assert "No problems found" in run("sgdisk", "-v", machine.loop)
    assert "No errors detected" in run("sfdisk", "--verify", machine.loop)


async def test_first_boot_makes_what_is_missing_and_the_second_finds_it(machine: Machine) -> None:
    machine.write(96 * MIB, ROOT, STATE, disk_size=2048 * MIB)
    machine.attach()
    before = read_start(machine)

    found = await machine.reconcile(complete=False)
    assert {name: one.phase for name, one in found.items()} == {"STATE": VolumePhase.MISSING, "EPHEMERAL": VolumePhase.MISSING}
    assert read_start(machine) == before, "nothing may change before the configuration is complete"

    found = await machine.reconcile(complete=True)
    assert {name: (one.phase, one.error) for name, one in found.items()} == {
        "STATE": (VolumePhase.READY, ""),
        "EPHEMERAL": (VolumePhase.READY, ""),
    }
    assert found["EPHEMERAL"].size > 1900 * MIB
    check_table(machine)
    (machine.root / "state/kept").write_text("yes")
    (machine.root / "var/kept").write_text("yes")
    options = {one.target: one.options for one in read_mounts()}
    assert {"nosuid", "nodev", "noexec"} <= set(options[str(machine.root / "state")].split(","))
    assert "noexec" not in options[str(machine.root / "var")]

    machine.detach()
    machine.attach()
    found = await machine.reconcile(complete=False)
    assert found["STATE"].mounted
    assert not found["EPHEMERAL"].mounted
    found = await machine.reconcile(complete=True)
    assert found["EPHEMERAL"].mounted
    assert (machine.root / "state/kept").read_text() == "yes"
    assert (machine.root / "var/kept").read_text() == "yes"


async def test_a_bigger_disk_is_grown_into(machine: Machine) -> None:
    machine.write(96 * MIB, ROOT, STATE, disk_size=1400 * MIB)
    machine.attach()
    await machine.reconcile(complete=True)
    (machine.root / "var/kept").write_text("yes")
    machine.detach()
    with machine.image.open("r+b") as file:
        file.truncate(3000 * MIB)
    machine.attach()
    found = await machine.reconcile(complete=True)
    assert found["EPHEMERAL"].size > 2800 * MIB
    if may_grow_filesystems():
        var = run("findmnt", "-bno", "SIZE", str(machine.root / "var")).strip()
        assert int(var) > 2500 * MIB
        assert found["EPHEMERAL"].error == ""
    else:
        assert "Operation not permitted" in found["EPHEMERAL"].error
    assert (machine.root / "var/kept").read_text() == "yes"
    check_table(machine)


async def test_an_empty_disk_gets_a_table(machine: Machine) -> None:
    with machine.image.open("wb") as file:
        file.truncate(1500 * MIB)
    machine.attach()
    found = await machine.reconcile(complete=True)
    assert all(one.mounted for one in found.values())
    check_table(machine)


async def test_a_small_disk_is_reported_and_state_still_works(machine: Machine) -> None:
    machine.write(96 * MIB, ROOT, STATE, disk_size=256 * MIB)
    machine.attach()
    found = await machine.reconcile(complete=True)
    assert found["STATE"].mounted
    assert found["EPHEMERAL"].phase is VolumePhase.FAILED
    assert "EPHEMERAL needs 1024 MiB" in found["EPHEMERAL"].error


async def test_a_foreign_file_system_is_never_overwritten(machine: Machine) -> None:
    machine.write(96 * MIB, ROOT, STATE, disk_size=2048 * MIB)
    machine.attach()
    run("mke2fs", "-q", "-t", "ext4", "-L", "precious", f"{machine.loop}p6")
    found = await machine.reconcile(complete=True)
    assert found["STATE"].phase is VolumePhase.FAILED
    assert "holds a ext4 file system labelled precious" in found["STATE"].error
    assert "left alone" in found["STATE"].error
    assert found["EPHEMERAL"].error == "waits for STATE"
    assert "precious" in run("dumpe2fs", "-h", f"{machine.loop}p6")


async def test_a_disk_with_something_else_is_refused(machine: Machine) -> None:
    with machine.image.open("wb") as file:
        file.truncate(1500 * MIB)
    machine.attach()
    run("mke2fs", "-q", "-t", "ext4", machine.loop)
    found = await machine.reconcile(complete=True)
    assert found["STATE"].phase is VolumePhase.FAILED
    assert "ext4 file system and is left alone" in found["STATE"].error


async def test_an_interrupted_first_boot_starts_over(machine: Machine) -> None:
    half = gpt.Partition(6, STATE.type, STATE.uuid, STATE.first, STATE.last, "STATE", gpt.ATTRIBUTE_PROVISIONING)
    machine.write(96 * MIB, ROOT, half, disk_size=2048 * MIB)
    with machine.image.open("r+b") as file:
        file.seek(STATE.first * 512)
        file.write(b"half of something" * 1000)
    machine.attach()
    found = await machine.reconcile(complete=True)
    assert found["STATE"].mounted
    table = gpt.parse(device_reader(machine.image), 512, machine.image.stat().st_size)
    assert table is not None
    state = table.find("STATE")
    assert state is not None
    assert state.attributes == gpt.ATTRIBUTE_COMPLETE
