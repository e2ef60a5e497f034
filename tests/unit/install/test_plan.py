"""The order of an installation: what boots comes last, and the mark is there from the first write to the last."""

from uuid import UUID

from controllers.install import mark
from controllers.install.layout import MIB, Payload
from controllers.install.plan import Goal, describe, plan_end, plan_install
from controllers.install.steps import Activate, MakeState, WriteBootCode, WriteMark, WriteTable
from tests.unit.install.disks import GIB

ID = UUID(int=7)
PAYLOAD = Payload("amd64", "ab" * 32, 240 * MIB, 40 * MIB)
SECRET = "a secret of the cluster"


def goal(sector_size: int = 512, *, bios: bool = True) -> Goal:
    return Goal("/dev/nvme0n1", 64 * GIB, sector_size, PAYLOAD, ("quiet",), bios, {"config.yaml": SECRET.encode()})


def test_the_steps_in_words() -> None:
    assert describe(plan_install(goal(), ID)).splitlines() == [
        "1. mark /dev/nvme0n1 as being installed",
        "2. clear /dev/nvme0n1",
        "3. write the partition table of /dev/nvme0n1",
        "4. write the root image (240 MiB) to slot a of /dev/nvme0n1",
        "5. make the EFI system partition on /dev/nvme0n1p2",
        "6. write the boot files of slot a to /dev/nvme0n1p2",
        "7. clear META on /dev/nvme0n1p5",
        "8. make STATE on /dev/nvme0n1p6 and write the configuration",
        "9. make /dev/nvme0n1p2 bootable",
        "10. write the boot code of /dev/nvme0n1",
        "11. take the mark off /dev/nvme0n1: it is complete",
    ]


def test_the_mark_names_the_table_and_goes_last() -> None:
    steps = plan_install(goal(), ID)
    first, table, last = steps[0], steps[2], steps[-1]
    assert isinstance(first, WriteMark)
    assert isinstance(table, WriteTable)
    assert isinstance(last, WriteMark)
    assert mark.read_mark(lambda offset, length: first.data[:length]) == table.table.disk_uuid == ID
    assert last.data == bytes(512)


def test_a_bios_needs_grub_and_sectors_of_512_bytes() -> None:
    [code] = [one for one in plan_install(goal(), ID) if isinstance(one, WriteBootCode)]
    assert (code.offset, code.room) == (MIB, MIB)
    assert not any(isinstance(one, WriteBootCode) for one in plan_install(goal(bios=False), ID))
    assert not any(isinstance(one, WriteBootCode) for one in plan_install(goal(4096), ID))


def test_the_end_alone_is_what_follows_the_entry() -> None:
    steps = plan_install(goal(), ID)
    [entry] = [number for number, one in enumerate(steps) if isinstance(one, Activate)]
    table = steps[2]
    assert isinstance(table, WriteTable)
    assert plan_end(goal(), table.table) == steps[entry + 1 :]


def test_no_step_shows_the_configuration() -> None:
    steps = plan_install(goal(), ID)
    assert any(isinstance(one, MakeState) and SECRET.encode() in one.files.values() for one in steps)
    assert SECRET not in repr(steps) + describe(steps) + repr(goal())
