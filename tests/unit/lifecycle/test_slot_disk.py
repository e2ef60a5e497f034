from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from controllers.block import gpt
from controllers.lifecycle.slot_disk import store_table, write_device
from init.linux.disks import read_gpt

SIZE = 8 << 20
OLD, NEW, RUNNING = UUID(int=5), UUID(int=6), UUID(int=7)


def make_table(uuid: UUID, sector: int) -> gpt.Table:
    table = gpt.new_table(UUID(int=1), sector, SIZE // sector)
    first = (1 << 20) // sector
    table = table.with_partition(gpt.Partition(3, UUID(int=9), RUNNING, first, 2 * first - 1, "ROOT-A"))
    return table.with_partition(gpt.Partition(4, UUID(int=9), uuid, 2 * first, 3 * first - 1, "ROOT-B"))


def make_disk(table: gpt.Table) -> bytearray:
    disk = bytearray(SIZE)
    for offset, data in gpt.encode(table):
        disk[offset : offset + len(data)] = data
    return disk


def torn(old: bytes, table: gpt.Table, sector: int) -> Iterator[bytes]:
    """Yield the disk after every sector that a power cut can leave as the last one that was written."""
    disk = bytearray(old)
    yield bytes(disk)
    for offset, data in gpt.encode(table, bytes(old[:512])):
        for at in range(0, len(data), sector):
            piece = data[at : at + sector]
            disk[offset + at : offset + at + len(piece)] = piece
            yield bytes(disk)


@pytest.mark.parametrize("sector", [512, 4096])
def test_a_power_cut_in_the_table_leaves_the_running_slot_findable(tmp_path: Path, sector: int) -> None:
    """By us, and by stage 1, which reads the first copy as it is."""
    old = bytes(make_disk(make_table(OLD, sector)))
    found = []
    for disk in torn(old, make_table(NEW, sector), sector):
        table = gpt.parse(lambda offset, length, disk=disk: disk[offset : offset + length], sector, SIZE)  # type: ignore[misc]
        assert table is not None
        ids = {one.label: one.uuid for one in table.partitions}
        assert ids["ROOT-A"] == RUNNING
        found.append(ids["ROOT-B"])
        (tmp_path / "disk").write_bytes(disk)
        stage1 = {one.name: one.guid for one in read_gpt(str(tmp_path / "disk"), sector)}
        assert stage1["ROOT-A"] == str(RUNNING)
        assert stage1["ROOT-B"] in (str(OLD), str(NEW))
    assert (found[0], found[-1]) == (OLD, NEW)


def test_a_table_is_stored_in_place(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.write_bytes(make_disk(make_table(OLD, 512)))
    table = make_table(OLD, 512)
    [second] = [one for one in table.partitions if one.label == "ROOT-B"]
    store_table(str(path), table.with_partition(replace(second, uuid=NEW)))
    assert path.read_bytes() == make_disk(make_table(NEW, 512))


def test_a_device_is_written_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "root"
    path.write_bytes(b"x" * 100)
    write_device(str(path), [b"one", b"", b"two"])
    assert path.read_bytes() == b"onetwo" + b"x" * 94
