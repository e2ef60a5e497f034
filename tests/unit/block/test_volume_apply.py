"""The order of things around the plan, on disks that exist only here."""

import logging
from dataclasses import replace
from typing import Any

import pytest

from controllers.block import gpt
from controllers.block.disk_state import Content
from controllers.block.superblocks import Superblock
from controllers.block.volume_steps import MIB, Format, Mount, WriteTable
from controllers.config.documents.disk_selector import DiskMatch, DiskSelector
from controllers.config.documents.existing_volume_config import ExistingMatch, ExistingVolumeConfig
from controllers.config.documents.install_config import InstallConfig
from controllers.config.documents.raw_volume_config import RawVolumeConfig
from controllers.config.documents.swap_volume_config import SwapVolumeConfig
from controllers.config.documents.volume_config import VolumeConfig
from controllers.machine.programs import ProgramError
from controllers.ports import Ports
from controllers.resources.block import BlockDevice, Disk, VolumeKind, VolumePhase
from controllers.resources.install import InstallRequest
from controllers.resources.machine import KernelModuleStatus
from controllers.runtime.resource import new
from tests.harness.volumes import KEYS, MACHINE_DISK, ON_SECOND, ON_SYSTEM, SECOND, Machine, limited, user

MADE = ["WriteTable", "Clear", "Format", "Mount", "WriteTable"]


@pytest.fixture(autouse=True)
def phases_in_order(caplog: pytest.LogCaptureFixture) -> Any:
    """No test may take a volume through phases in an order that the table does not allow."""
    with caplog.at_level(logging.ERROR, "block"):
        yield
    assert [record.__dict__ for record in caplog.records if record.name == "block"] == []


async def test_state_comes_before_ephemeral_and_both_end_mounted() -> None:
    machine = Machine()
    found = await machine.settle()
    assert machine.fake.targets() == {"/state": "/dev/vda1", "/var": "/dev/vda2"}
    assert machine.fake.done == MADE * 2
    assert all(one.phase is VolumePhase.READY and one.mounted and one.disk == "vda" for one in found.values())


async def test_what_takes_long_is_announced_and_state_does_not_wait_for_ephemeral() -> None:
    machine = Machine()
    first = await machine.step()
    assert first["STATE"].phase is VolumePhase.LOCATED
    assert first["STATE"].error.startswith("is being set up: write the partition table of /dev/vda: add STATE; clear")
    assert machine.fake.done == []
    second = await machine.step()
    assert second["STATE"].phase is VolumePhase.READY
    assert second["EPHEMERAL"].phase is VolumePhase.LOCATED


async def test_the_next_boot_only_mounts() -> None:
    machine = Machine()
    await machine.settle()
    machine.fake.used, machine.fake.done = [], []
    machine.restart()
    await machine.step()
    assert machine.fake.done == ["Mount", "Mount"]


async def test_a_brain_that_restarts_touches_nothing() -> None:
    machine = Machine(user())
    await machine.settle()
    machine.fake.done = []
    machine.restart()
    found = await machine.settle()
    assert machine.fake.done == []
    assert found["u-data"].phase is VolumePhase.READY


async def test_in_namespaces_the_provisioner_mounts() -> None:
    machine = Machine(user())
    machine.platform = "namespaces"
    found = await machine.settle()
    assert {one.phase for one in found.values()} == {VolumePhase.MISSING}
    assert "nothing is there at /var:" in found["EPHEMERAL"].error
    assert machine.fake.done == []


async def test_without_a_disk_the_answer_is_definite_after_a_while() -> None:
    machine = Machine(ports=Ports(patience=2.0), disks=[])
    machine.extra.append(new("vda", BlockDevice(name="vda", path="/dev/vda", kind="disk", size=1)))
    machine.fake.tables = {}
    assert (await machine.step(now=1000.0))["STATE"].phase is VolumePhase.WAITING
    assert (await machine.step(now=1007.0))["STATE"].phase is VolumePhase.WAITING, "not looked at yet"
    machine.extra.pop()
    assert (await machine.step(now=1005.9))["STATE"].phase is VolumePhase.WAITING
    found = await machine.step(now=1006.0)
    assert (found["STATE"].phase, found["STATE"].error) == (VolumePhase.MISSING, "no disk was found; attach one")


async def test_the_file_systems_module_comes_first() -> None:
    machine = Machine()
    machine.extra = [one for one in machine.extra if one.id != "ext4"]
    assert (await machine.settle())["STATE"].error == "waits for the kernel module ext4"
    machine.extra.append(new("ext4", KernelModuleStatus(name="ext4", state="failed", error="not in this image")))
    found = await machine.settle()
    assert (found["STATE"].phase, found["STATE"].error) == (
        VolumePhase.FAILED,
        "the kernel module ext4 cannot be loaded: not in this image",
    )


async def test_before_the_configuration_state_is_missing_not_waiting() -> None:
    machine = Machine()
    machine.complete = False
    found = await machine.settle()
    assert {one.phase for one in found.values()} == {VolumePhase.MISSING}
    assert machine.fake.done == []


async def test_a_node_that_is_about_to_be_installed_makes_no_volumes() -> None:
    install = new("default", InstallConfig(disk=ON_SECOND))
    for root, expected in (("iso", VolumePhase.MISSING), ("verity", VolumePhase.READY)):
        machine = Machine(install, ports=Ports(cmdline={"ophite.root": root}))
        found = await machine.settle()
        assert {one.phase for one in found.values()} == {expected}
        assert ("waits for the installation" in found["STATE"].error) == (root == "iso")
    asked = Machine(ports=Ports(cmdline={"ophite.root": "initramfs"}))
    asked.extra.append(new("install", InstallRequest()))
    assert (await asked.settle())["EPHEMERAL"].error == "waits for the installation"


@pytest.mark.parametrize(
    ("failing", "error", "text"),
    [
        (Format, ProgramError(["/usr/bin/mke2fs"], "ended with status 1", "no space"), "mke2fs: ended with status 1: no space"),
        (Mount, OSError(117, "Structure needs cleaning"), "Structure needs cleaning"),
        ("/dev/vda", gpt.GptError("partition 3 overlaps"), "/dev/vda: partition 3 overlaps; nothing on it was changed"),
        (
            WriteTable,
            OSError(5, "Input/output error"),
            "STATE on /dev/vda1: [Errno 5] Input/output error; the disk does",
        ),
        (
            "/dev/vda",
            OSError(6, "No such device"),
            "[Errno 6] No such device; the disk is gone: attach it again; nothing",
        ),
    ],
)
async def test_a_failing_step_is_named_and_stops_what_follows(failing: type | str, error: Exception, text: str) -> None:
    machine = Machine()
    machine.fake.failing = {failing: error}
    found = await machine.settle()
    assert found["STATE"].phase is VolumePhase.FAILED
    assert text in found["STATE"].error
    assert found["EPHEMERAL"].phase in (VolumePhase.WAITING, VolumePhase.FAILED)
    assert machine.fake.targets() == {}
    machine.fake.failing = {}
    assert (await machine.settle())["EPHEMERAL"].phase is VolumePhase.READY, "it is tried again"


async def test_user_volumes_of_every_kind_beside_each_other() -> None:
    machine = Machine(
        limited(),
        user("data", max_size="1GiB", filesystem="xfs"),
        user("here", ON_SYSTEM),
        new("ceph", RawVolumeConfig(name="ceph", disk=ON_SECOND, max_size="512MiB")),
        new("one", SwapVolumeConfig(name="one", disk=ON_SECOND, max_size="256MiB", priority=3)),
    )
    found = await machine.settle()
    assert {label: one.phase for label, one in found.items()} == dict.fromkeys(
        ("STATE", "EPHEMERAL", "u-data", "u-here", "r-ceph", "s-one"), VolumePhase.READY
    )
    assert machine.fake.targets() == {
        "/state": "/dev/vda1",
        "/var": "/dev/vda2",
        "/var/mnt/data": "/dev/vdb3",
        "/var/mnt/here": "/dev/vda3",
    }
    assert found["r-ceph"].size == 512 * MIB
    assert (found["r-ceph"].device, found["r-ceph"].mounted, found["r-ceph"].kind) == ("/dev/vdb1", False, VolumeKind.RAW)
    assert (found["s-one"].device, found["s-one"].mounted) == ("/dev/vdb2", False)
    ephemeral = machine.fake.tables["/dev/vda"].find("EPHEMERAL")
    assert ephemeral is not None
    assert ephemeral.sectors * 512 == 1024 * MIB, "EPHEMERAL comes first, with no more than its maximum"


async def test_without_a_maximum_ephemeral_leaves_nothing_and_the_user_is_told() -> None:
    found = await Machine(user("here", ON_SYSTEM)).settle()
    assert found["EPHEMERAL"].phase is VolumePhase.READY
    assert found["u-here"].phase is VolumePhase.FAILED
    assert "on the system disk give EPHEMERAL a `maxSize`" in found["u-here"].error


async def test_a_user_volume_that_fails_stops_no_other() -> None:
    machine = Machine(user("a", DiskSelector(match=DiskMatch(serial="absent"))), user("b"))
    found = await machine.settle()
    assert found["u-a"].phase is VolumePhase.FAILED
    assert found["u-a"].error.startswith("no disk matches `serial: absent`; it must be exactly one of: /dev/vda (")
    assert (found["u-b"].phase, found["EPHEMERAL"].phase) == (VolumePhase.READY, VolumePhase.READY)


async def test_two_disks_that_match_are_refused_unless_one_has_the_volume() -> None:
    any_disk = DiskSelector(match=DiskMatch(size="> 1GB", system=False))
    third = Disk(path="/dev/vdc", size=4096 * MIB)
    machine = Machine(user("data", any_disk), disks=[MACHINE_DISK, SECOND, third])
    found = await machine.settle()
    assert "2 disks match" in found["u-data"].error
    machine.disks = [MACHINE_DISK, SECOND]
    assert (await machine.settle())["u-data"].device == "/dev/vdb1"
    machine.disks, machine.fake.used = [MACHINE_DISK, SECOND, third], []
    machine.restart()
    assert (await machine.settle())["u-data"].device == "/dev/vdb1", "it has been made there"


async def test_a_locked_state_is_opened_with_the_machines_own_key_before_the_configuration() -> None:
    machine = Machine(new("STATE", VolumeConfig(name="STATE", encryption=KEYS)))
    await machine.settle()
    machine.fake.used, machine.fake.done = [], []
    machine.documents, machine.complete = [], False
    machine.extra = [one for one in machine.extra if one.id != "dm_crypt"]
    machine.restart()
    assert (await machine.settle())["STATE"].error == "waits for the kernel module dm_crypt"
    machine.extra.append(new("dm_crypt", KernelModuleStatus(name="dm_crypt", state="loaded")))
    found = await machine.settle()
    assert (found["STATE"].phase, found["STATE"].encrypted) == (VolumePhase.READY, True)
    assert machine.fake.done == ["LuksOpen", "Mount"]


async def test_a_volume_that_never_came_to_be_leaves_nothing() -> None:
    machine = Machine(user("a", DiskSelector(match=DiskMatch(serial="absent"))))
    assert "u-a" in await machine.settle()
    machine.documents = []
    assert "u-a" not in await machine.settle()


async def test_a_disk_that_is_gone() -> None:
    machine = Machine(user())
    await machine.settle()
    machine.fake.used = [replace(one, gone=True) for one in machine.fake.used]
    machine.disks = [MACHINE_DISK]
    machine.fake.tables.pop("/dev/vdb")
    found = await machine.step()
    assert found["STATE"].phase is VolumePhase.FAILED
    assert found["STATE"].error == "/dev/vda1 is gone; attach its disk and reboot"
    assert found["u-data"].phase is VolumePhase.WAITING, "it waits for EPHEMERAL"
    assert "/var/mnt/data" not in machine.fake.targets(), "the dead mount is taken away"


async def test_existing_volumes_are_mounted_as_they_are() -> None:
    machine = Machine(new("old", ExistingVolumeConfig(name="old", match=ExistingMatch(label="archive"), read_only=True)))
    table = machine.fake.tables["/dev/vdb"]
    part = gpt.Partition(1, gpt.LINUX_FILESYSTEM, table.disk_uuid, 2048, 4095, "x")
    machine.fake.tables["/dev/vdb"] = table.with_partition(part)
    machine.fake.contents["/dev/vdb1"] = Content(Superblock("xfs", "archive"))
    found = await machine.settle()
    assert (found["e-old"].phase, found["e-old"].device, found["e-old"].error) == (VolumePhase.READY, "/dev/vdb1", "")
    assert [one.read_only for one in machine.fake.used if one.target == "/var/mnt/old"] == [True]
    machine.documents = [new("old", ExistingVolumeConfig(name="old", match=ExistingMatch(label="archive")))]
    await machine.settle()
    assert [one.read_only for one in machine.fake.used if one.target == "/var/mnt/old"] == [False]
    machine.documents = []
    assert (await machine.settle())["e-old"].phase is VolumePhase.CLOSED
    assert machine.fake.contents["/dev/vdb1"] == Content(Superblock("xfs", "archive"))
    assert machine.fake.tables["/dev/vdb"].partitions == (part,)
