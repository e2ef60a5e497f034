"""STATE and EPHEMERAL on a real disk: a loop device with the image's partition table, sgdisk as the judge."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import CalledProcessError
from uuid import UUID

import pytest

from controllers.block import gpt
from controllers.block.discovery import device_reader
from controllers.resources.block import VolumePhase
from init.linux.mount import read_mounts
from tests.harness.loop_disks import MIB, LoopDisk, LoopMachine, may_grow_filesystems, run

pytestmark = pytest.mark.kernel

ROOT = gpt.Partition(3, gpt.LINUX_FILESYSTEM, UUID(int=3), 2048, 2048 + 8 * 2048 - 1, "ROOT-A")
STATE = gpt.Partition(6, gpt.LINUX_FILESYSTEM, UUID(int=6), 40960, 40960 + 64 * 2048 - 1, "STATE")


class Machine(LoopMachine):
    """A machine with one disk."""

    def __init__(self, root: Path) -> None:
        self.disk = LoopDisk(root / "disk.img")
        super().__init__(root, self.disk)

    @property
    def image(self) -> Path:
        return self.disk.image

    @property
    def loop(self) -> str:
        return self.disk.loop


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    try:
        yield made
    finally:
        with suppress(CalledProcessError):
            made.detach()


def read_start(machine: Machine) -> bytes:
    """Everything that the image had: the table and its partitions."""
    return device_reader(machine.image)(0, 96 * MIB)


async def test_first_boot_makes_what_is_missing_and_the_second_finds_it(machine: Machine) -> None:
    machine.disk.write(96 * MIB, ROOT, STATE, disk_size=2048 * MIB)
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
    machine.disk.check_table()
    (machine.root / "state/kept").write_text("yes")
    (machine.root / "var/kept").write_text("yes")
    options = {one.target: one.options for one in read_mounts()}
    assert {"nosuid", "nodev", "noexec"} <= set(options[str(machine.root / "state")].split(","))
    assert "noexec" not in options[str(machine.root / "var")]

    machine.detach()
    machine.restart()
    machine.attach()
    found = await machine.reconcile(complete=False)
    assert found["STATE"].mounted
    assert not found["EPHEMERAL"].mounted
    found = await machine.reconcile(complete=True)
    assert found["EPHEMERAL"].mounted
    assert (machine.root / "state/kept").read_text() == "yes"
    assert (machine.root / "var/kept").read_text() == "yes"


async def test_a_bigger_disk_is_grown_into(machine: Machine) -> None:
    machine.disk.write(96 * MIB, ROOT, STATE, disk_size=1400 * MIB)
    machine.attach()
    await machine.reconcile(complete=True)
    (machine.root / "var/kept").write_text("yes")
    machine.detach()
    machine.disk.resize(3000 * MIB)
    machine.restart()
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
    machine.disk.check_table()


async def test_an_empty_disk_gets_a_table(machine: Machine) -> None:
    machine.disk.blank(1500 * MIB)
    machine.attach()
    found = await machine.reconcile(complete=True)
    assert all(one.mounted for one in found.values())
    machine.disk.check_table()


async def test_a_small_disk_is_reported_and_state_still_works(machine: Machine) -> None:
    machine.disk.write(96 * MIB, ROOT, STATE, disk_size=256 * MIB)
    machine.attach()
    found = await machine.reconcile(complete=True)
    assert found["STATE"].mounted
    assert found["EPHEMERAL"].phase is VolumePhase.FAILED
    assert "EPHEMERAL needs 1024 MiB" in found["EPHEMERAL"].error


async def test_a_foreign_file_system_is_never_overwritten(machine: Machine) -> None:
    machine.disk.write(96 * MIB, ROOT, STATE, disk_size=2048 * MIB)
    machine.attach()
    run("mke2fs", "-q", "-t", "ext4", "-L", "precious", f"{machine.loop}p6")
    found = await machine.reconcile(complete=True)
    assert found["STATE"].phase is VolumePhase.FAILED
    assert "holds a ext4 file system labelled precious" in found["STATE"].error
    assert "left alone" in found["STATE"].error
    assert found["EPHEMERAL"].error == "waits for STATE"
    assert "precious" in run("dumpe2fs", "-h", f"{machine.loop}p6")


async def test_a_disk_with_something_else_is_refused(machine: Machine) -> None:
    machine.disk.blank(1500 * MIB)
    machine.attach()
    run("mke2fs", "-q", "-t", "ext4", machine.loop)
    found = await machine.reconcile(complete=True)
    assert found["STATE"].phase is VolumePhase.FAILED
    assert "ext4 file system and is left alone" in found["STATE"].error


async def test_an_interrupted_first_boot_starts_over(machine: Machine) -> None:
    half = gpt.Partition(6, STATE.type, STATE.uuid, STATE.first, STATE.last, "STATE", gpt.ATTRIBUTE_PROVISIONING)
    machine.disk.write(96 * MIB, ROOT, half, disk_size=2048 * MIB)
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
