"""What a disk holds, and what may be done with it: also after a power cut at any write of the first steps."""

import struct
from uuid import UUID

import pytest

from controllers.block import gpt
from controllers.install import layout, mark
from controllers.install.contents import Verdict, read_contents
from controllers.install.layout import MIB, Payload
from controllers.install.plan import plan_ranges
from tests.unit.install.disks import GIB, FakeDisk

SIZE = 4 * GIB
ID = UUID("8a9b1c2d-0000-4000-8000-000000000001")
TABLE = layout.plan_table(Payload("amd64", "ab" * 32, 40 * MIB, MIB), SIZE, 512, ID)


def verdict(disk: FakeDisk) -> Verdict:
    return read_contents(disk.read, 512, disk.size).verdict


def installed() -> FakeDisk:
    disk = FakeDisk(SIZE)
    disk.write_table(TABLE)
    return disk


def test_zeros_are_empty() -> None:
    found = read_contents(FakeDisk(SIZE).read, 512, SIZE)
    assert (found.verdict, found.describe()) == (Verdict.EMPTY, "nothing")


@pytest.mark.parametrize(
    ("offset", "data", "text"),
    [
        (0, b"LUKS\xba\xbe", "luks"),
        (512, b"LABELONE".ljust(24, b"\0") + b"LVM2 001", "lvm"),
        (0, b"XFSB".ljust(200, b"\0"), "xfs"),
        (300 * 1024, b"something", "unknown data"),
        (SIZE - 4096, b"something", "unknown data"),
    ],
)
def test_what_is_found_is_named(offset: int, data: bytes, text: str) -> None:
    disk = FakeDisk(SIZE)
    disk.write(offset, data)
    found = read_contents(disk.read, 512, SIZE)
    assert found.verdict is Verdict.FOREIGN
    assert text in found.describe().lower()


def test_partitions_of_an_mbr_are_named() -> None:
    disk = FakeDisk(SIZE)
    disk.write(446, struct.pack("<B3xB3xII", 0x80, 7, 2048, 4096) + bytes(48) + b"\x55\xaa")
    disk.write(2048 * 512 + 3, b"NTFS    ")
    assert read_contents(disk.read, 512, SIZE).describe().lower() == "an mbr; partition 1 of type 0x07: ntfs"


def test_a_foreign_gpt_is_named_with_what_its_partitions_hold() -> None:
    disk = FakeDisk(SIZE)
    table = gpt.new_table(UUID(int=3), 512, SIZE // 512)
    disk.write_table(table.with_partition(gpt.Partition(1, UUID(int=4), UUID(int=5), 4096, 8191, "da\x1bta")))
    disk.write(4096 * 512, b"XFSB".ljust(200, b"\0"))
    found = read_contents(disk.read, 512, SIZE)
    assert found.verdict is Verdict.FOREIGN
    assert found.describe() == "a GPT of 1 partitions; partition 1 'da?ta': xfs"


def test_a_damaged_gpt_is_somebody_s() -> None:
    disk = installed()
    disk.write(520, b"!")
    disk.write(SIZE - 500, b"!")
    found = read_contents(disk.read, 512, SIZE)
    assert found.verdict is Verdict.FOREIGN
    assert "a damaged GPT" in found.describe()


def test_an_installed_disk_is_ours_and_with_the_mark_an_interrupted_one() -> None:
    disk = installed()
    assert verdict(disk) is Verdict.OURS
    disk.write(mark.OFFSET, mark.render_mark(ID, 512))
    found = read_contents(disk.read, 512, SIZE)
    assert (found.verdict, found.disk_uuid) == (Verdict.INTERRUPTED, ID)


def test_a_stale_mark_does_not_give_away_what_came_after_it() -> None:
    disk = FakeDisk(SIZE)
    disk.write(mark.OFFSET, mark.render_mark(UUID(int=9), 512))
    assert verdict(disk) is Verdict.INTERRUPTED
    disk.write_table(gpt.new_table(UUID(int=3), 512, SIZE // 512))
    assert verdict(disk) is Verdict.FOREIGN
    disk = FakeDisk(SIZE)
    disk.write(mark.OFFSET, mark.render_mark(UUID(int=9), 512))
    disk.write(0, b"LUKS\xba\xbe")
    assert verdict(disk) is Verdict.FOREIGN


def test_a_damaged_mark_is_none() -> None:
    disk = FakeDisk(SIZE)
    data = bytearray(mark.render_mark(ID, 512))
    assert mark.read_mark(lambda offset, length: bytes(data[:length])) == ID
    data[20] ^= 1
    disk.write(mark.OFFSET, bytes(data))
    assert mark.read_mark(disk.read) is None


@pytest.mark.parametrize("before", ["empty", "installed"])
def test_a_power_cut_at_any_sector_of_clearing_and_partitioning_is_gone_on_after(before: str) -> None:
    """Sectors of one write may reach the disk in any order; here forwards and backwards, cut after each."""
    disk = FakeDisk(SIZE) if before == "empty" else installed()
    disk.write(mark.OFFSET, mark.render_mark(ID, 512))
    writes = [(offset, bytes(min(length, 64 * 1024))) for offset, length in plan_ranges(TABLE)]
    for offset, data in (*writes, *gpt.encode(TABLE)):
        sectors = [at for at in range(0, len(data), 512) if disk.read(offset + at, 512) != data[at : at + 512]]
        for order in (sectors, sectors[::-1]):
            torn = disk.copy()
            for at in order:
                torn.write(offset + at, data[at : at + 512])
                assert verdict(torn) is Verdict.INTERRUPTED
        disk.write(offset, data)


def test_the_mark_is_never_cleared_with_the_rest() -> None:
    for sector in (512, 4096):
        table = layout.plan_table(Payload("amd64", "ab" * 32, 40 * MIB, MIB), SIZE, sector, ID)
        kept = range(mark.OFFSET, mark.OFFSET + sector)
        ranges = plan_ranges(table)
        assert all(offset + length <= kept.start or offset >= kept.stop for offset, length in ranges)
        assert all(offset % sector == 0 and length % sector == 0 and offset + length <= SIZE for offset, length in ranges)
