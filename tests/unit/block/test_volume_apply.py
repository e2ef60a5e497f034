"""The order of things around the plan, on a disk that exists only here."""

from typing import Any
from uuid import UUID

import pytest

from controllers.block import gpt, volume_plan
from controllers.block.discovery import Refresh
from controllers.block.kernel import partition_path
from controllers.block.superblocks import Superblock
from controllers.block.volume_apply import VolumeApplyController, explain_missing
from controllers.block.volume_config import VolumeConfigController
from controllers.config.documents.volume_config import VolumeConfig
from controllers.machine.programs import ProgramError
from controllers.ports import Ports
from controllers.resources.block import BlockDevice, DiscoveredVolume, Disk, VolumePhase, VolumeSpec, VolumeStatus
from controllers.resources.machine import ConfigStatus, KernelModuleStatus, PlatformInfo
from controllers.runtime.controller import Wanted
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile, run_reconcile_async

MIB = 1024 * 1024
SPECS = [new(one.id, one.spec) for one in run_reconcile(VolumeConfigController(Ports()))]
EXT4 = new("ext4", KernelModuleStatus(name="ext4", state="loaded"))
DISK = new("vda", Disk(path="/dev/vda", size=4096 * MIB, system=True))


class FakeDisks:
    """Keeps `DiskPort`: remembers what was done; mounting works unless a step is told to fail."""

    def __init__(self, table: gpt.Table | None = None) -> None:
        self.table = table or gpt.new_table(UUID(int=1), 512, 4096 * MIB // 512)
        self.done: list[str] = []
        self.mounted: dict[str, str] = {}
        self.failing: type | None = None
        self.error: Exception = OSError(5, "Input/output error")

    def inspect(self, path: str, size: int, sector_size: int, read_only: bool) -> volume_plan.DiskState:
        if self.failing is gpt.Table:
            raise self.error
        return volume_plan.DiskState(path, size, sector_size, read_only, self.table)

    async def execute(self, step: volume_plan.Step) -> None:
        if self.failing is type(step):
            raise self.error
        self.done.append(type(step).__name__)
        if isinstance(step, volume_plan.WriteTable):
            self.table = step.table
        elif isinstance(step, volume_plan.Mount):
            self.mounted[step.target] = partition_path(step.disk, step.number)

    def find_mount(self, target: str) -> str | None:
        return self.mounted.get(target)


def world(*more: Resource[Any], complete: bool = True, platform: str = "metal") -> list[Resource[Any]]:
    return [
        *SPECS,
        new("config", ConfigStatus(complete=complete)),
        new("platform", PlatformInfo(platform=platform)),
        *more,
    ]


def statuses(wanted: list[Wanted]) -> dict[str, VolumeStatus]:
    return {one.id: one.spec for one in wanted if isinstance(one.spec, VolumeStatus)}


async def reconcile(
    disks: FakeDisks, given: list[Resource[Any]], controller: VolumeApplyController | None = None, now: float = 1000.0
) -> dict[str, VolumeStatus]:
    """Reconcile until nothing is announced any more, as the engine does."""
    controller = controller or VolumeApplyController(Ports(), disks, Refresh())
    while True:
        found = statuses(await run_reconcile_async(controller, given, now=now))
        if all(one.phase is not VolumePhase.LOCATED for one in found.values()):
            return found


async def test_state_comes_before_ephemeral_and_both_end_mounted() -> None:
    disks = FakeDisks()
    found = await reconcile(disks, world(DISK, EXT4))
    assert disks.mounted == {"/state": "/dev/vda1", "/var": "/dev/vda2"}
    assert disks.done == ["WriteTable", "Format", "Mount", "WriteTable"] * 2
    assert all(one.phase is VolumePhase.READY and one.mounted for one in found.values())


async def test_what_takes_long_is_announced_and_state_does_not_wait_for_ephemeral() -> None:
    disks = FakeDisks()
    controller = VolumeApplyController(Ports(), disks, Refresh())
    given = world(DISK, EXT4)
    first = statuses(await run_reconcile_async(controller, given))
    assert first["STATE"].phase is VolumePhase.LOCATED
    assert first["STATE"].error.startswith("is being set up: write the partition table of /dev/vda: add STATE; make ext4")
    assert disks.done == []
    second = statuses(await run_reconcile_async(controller, given))
    assert second["STATE"].phase is VolumePhase.READY
    assert second["EPHEMERAL"].phase is VolumePhase.LOCATED


async def test_mounted_volumes_are_not_touched() -> None:
    disks = FakeDisks()
    disks.mounted = {"/state": "/dev/vda6", "/var": "/dev/vda7"}
    found = await reconcile(disks, world())
    assert disks.done == []
    assert found["STATE"].device == "/dev/vda6"


async def test_in_namespaces_the_provisioner_mounts() -> None:
    disks = FakeDisks()
    disks.mounted = {"/state": "none"}
    found = await reconcile(disks, world(platform="namespaces"))
    assert found["STATE"].phase is VolumePhase.READY
    assert found["EPHEMERAL"].phase is VolumePhase.MISSING
    assert "nothing is mounted at /var" in found["EPHEMERAL"].error


async def test_without_a_disk_the_answer_is_definite_after_a_while() -> None:
    disks = FakeDisks()
    controller = VolumeApplyController(Ports(patience=2.0), disks, Refresh())
    given = world(new("vda", BlockDevice(name="vda", path="/dev/vda", kind="disk", size=1)))
    assert (await reconcile(disks, given, controller))["STATE"].phase is VolumePhase.WAITING
    assert (await reconcile(disks, given, controller, now=1007.0))["STATE"].phase is VolumePhase.WAITING, "not looked at yet"
    looked = [*given, new("vda", DiscoveredVolume(path="/dev/vda", size=1, filesystem="ext4"))]
    assert (await reconcile(disks, looked, controller, now=1005.9))["STATE"].phase is VolumePhase.WAITING
    found = await reconcile(disks, [*looked, new("vda", Disk(path="/dev/vda", size=1))], controller, now=1006.0)
    assert found["STATE"].phase is VolumePhase.MISSING
    assert found["STATE"].error == "no usable disk: /dev/vda: holds ext4"


async def test_the_file_systems_module_comes_first() -> None:
    found = await reconcile(FakeDisks(), world(DISK))
    assert found["STATE"].error == "waits for the kernel module ext4"


async def test_before_the_configuration_state_is_missing_not_waiting() -> None:
    disks = FakeDisks()
    found = await reconcile(disks, world(DISK, EXT4, complete=False))
    assert {one.phase for one in found.values()} == {VolumePhase.MISSING}
    assert disks.done == []


@pytest.mark.parametrize(
    ("failing", "error", "text"),
    [
        (
            volume_plan.Format,
            ProgramError(["/usr/bin/mke2fs"], "ended with status 1", "no space"),
            "mke2fs: ended with status 1: no space",
        ),
        (volume_plan.Mount, OSError(117, "Structure needs cleaning"), "Structure needs cleaning"),
        (gpt.Table, gpt.GptError("partition 3 overlaps"), "/dev/vda: partition 3 overlaps; it is left alone"),
    ],
)
async def test_a_failing_step_is_named_and_stops_what_follows(failing: type, error: Exception, text: str) -> None:
    disks = FakeDisks()
    disks.failing, disks.error = failing, error
    found = await reconcile(disks, world(DISK, EXT4))
    assert found["STATE"].phase is VolumePhase.FAILED
    assert text in found["STATE"].error
    assert found["EPHEMERAL"].error == "waits for STATE"


async def test_a_volume_that_cannot_grow_still_works() -> None:
    disks = FakeDisks()
    await reconcile(disks, world(DISK, EXT4))
    disks.mounted = {}
    assert disks.table.find("STATE") is not None
    content = volume_plan.Content(Superblock("ext4", "STATE", "", 32 * MIB))
    real = disks.inspect

    def inspect(path: str, size: int, sector_size: int, read_only: bool) -> volume_plan.DiskState:
        state = real(path, size, sector_size, read_only)
        return volume_plan.DiskState(state.path, size, sector_size, table=state.table, partitions={1: content})

    disks.inspect = inspect  # type: ignore[method-assign]  # what the partition holds, for this test
    disks.failing, disks.error = volume_plan.GrowFilesystem, PermissionError(1, "Operation not permitted")
    found = await reconcile(disks, world(DISK, EXT4))
    assert found["STATE"].phase is VolumePhase.READY
    assert "Operation not permitted" in found["STATE"].error


def test_every_disk_is_named_when_none_will_do() -> None:
    disks = [
        Disk(path="/dev/sda", size=1, read_only=True),
        Disk(path="/dev/sdb", size=1, removable=True),
        Disk(path="/dev/sdc", size=1),
        Disk(path="/dev/sdd", size=1),
    ]
    volumes = [
        DiscoveredVolume(path="/dev/sdc1", size=1, parent="sdc"),
        DiscoveredVolume(path="/dev/sdd", size=1, error="/dev/sdd: Input/output error"),
    ]
    text = explain_missing(disks, volumes)
    assert text == (
        "no usable disk: /dev/sda: read-only; /dev/sdb: removable; /dev/sdc: 1 foreign partitions; "
        "/dev/sdd: /dev/sdd: Input/output error"
    )
    assert explain_missing([], []) == "no disk was found; attach one"


def test_sizes_come_from_the_document() -> None:
    given = [new("EPHEMERAL", VolumeConfig(name="EPHEMERAL", min_size="2GiB", max_size="3GiB"))]
    specs = {one.id: one.spec for one in run_reconcile(VolumeConfigController(Ports()), given)}
    ephemeral, state = specs["EPHEMERAL"], specs["STATE"]
    assert isinstance(ephemeral, VolumeSpec)
    assert isinstance(state, VolumeSpec)
    assert (ephemeral.min_size, ephemeral.max_size) == (2048 * MIB, 3072 * MIB)
    assert state.min_size == state.max_size == 64 * MIB
    small = [new("EPHEMERAL", VolumeConfig(name="EPHEMERAL", max_size="500MiB"))]
    [spec] = [one.spec for one in run_reconcile(VolumeConfigController(Ports()), small) if one.id == "EPHEMERAL"]
    assert isinstance(spec, VolumeSpec)
    assert spec.min_size == 500 * MIB, "a small maximum must not contradict the default minimum"
