"""The partition table: bytes and back, both copies, and what hostile tables lead to."""

import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.block import gpt

MIB = 1024 * 1024
DISK = UUID("11111111-2222-3333-4444-555555555555")


def make_table(size: int = 64 * MIB, sector: int = 512) -> gpt.Table:
    table = gpt.new_table(DISK, sector, size // sector)
    step = MIB // sector
    for number, label in enumerate(("ESP", "ROOT-A", "STATE"), 1):
        part = gpt.Partition(
            number, gpt.LINUX_FILESYSTEM, UUID(int=number), number * 4 * step, (number * 4 + 4) * step - 1, label, number << 48
        )
        table = table.with_partition(part)
    return table


def store(table: gpt.Table, size: int, old: bytes = b"") -> bytearray:
    data = bytearray(size)
    data[: len(old)] = old
    for offset, piece in gpt.encode(table, old[:512]):
        data[offset : offset + len(piece)] = piece
    return data


def parse(data: bytes | bytearray, sector: int = 512) -> gpt.Table | None:
    return gpt.parse(lambda offset, length: bytes(data[offset : offset + length]), sector, len(data))


def stored(table: gpt.Table) -> gpt.Table:
    return replace(table, stored_sectors=table.sectors)


@pytest.mark.parametrize("sector", [512, 4096])
def test_encode_and_parse_are_inverse(sector: int) -> None:
    table = make_table(sector=sector)
    assert parse(store(table, 64 * MIB), sector) == stored(table)


@pytest.mark.skipif(shutil.which("sgdisk") is None, reason="sgdisk is not installed")
def test_sgdisk_and_sfdisk_accept_the_table(tmp_path: Path) -> None:
    image = tmp_path / "disk"
    image.write_bytes(store(make_table(), 64 * MIB))
    checked = subprocess.run(["sgdisk", "-v", image], capture_output=True, text=True, check=True).stdout
    assert "No problems found" in checked
    listed = subprocess.run(["sfdisk", "--verify", image], capture_output=True, text=True, check=True)
    assert "No errors detected" in listed.stdout
    dumped = subprocess.run(["sfdisk", "--dump", image], capture_output=True, text=True, check=True).stdout
    assert 'name="STATE"' in dumped
    assert f"label-id: {DISK}".upper() in dumped.upper()


def test_no_table_is_none() -> None:
    assert parse(bytes(MIB)) is None


def test_damaged_primary_is_read_from_the_backup() -> None:
    data = store(make_table(), 64 * MIB)
    data[1024 + 5] ^= 1
    table = parse(data)
    assert table is not None
    assert table.damaged
    assert not table.is_current
    assert table.find("STATE") is not None


def test_both_copies_damaged_says_what_is_wrong() -> None:
    data = store(make_table(), 64 * MIB)
    data[512 + 40] ^= 1
    data[-512 + 40] ^= 1
    with pytest.raises(gpt.GptError, match=r"sector 1 has a wrong checksum; .*sector 131071 has a wrong checksum"):
        parse(data)


def test_image_on_a_bigger_disk_moves_its_backup() -> None:
    data = store(make_table(), 64 * MIB) + bytearray(64 * MIB)
    table = parse(data)
    assert table is not None
    assert (table.sectors, table.stored_sectors) == (262144, 131072)
    assert not table.damaged
    assert not table.is_current
    for offset, piece in gpt.encode(table, bytes(data[:512])):
        data[offset : offset + len(piece)] = piece
    again = parse(data)
    assert again is not None
    assert again.is_current
    assert parse(bytes(512) + bytes(1024 * 16 + 512) + bytes(data[512 + 1024 * 16 + 512 :])) is not None


@pytest.mark.parametrize("done", range(4))
def test_a_power_cut_at_any_write_leaves_a_valid_table(done: int) -> None:
    before = make_table()
    extra = gpt.Partition(4, gpt.LINUX_FILESYSTEM, UUID(int=9), 65536, 67583, "EPHEMERAL")
    after = before.with_partition(extra)
    stored = store(before, 64 * MIB)
    writes = [*gpt.encode(after, bytes(stored[:512])), (0, b"")]
    for offset, piece in writes[:done]:
        stored[offset : offset + len(piece)] = piece
    offset, piece = writes[done]
    for cut in range(0, len(piece) + 1, 512):
        data = bytearray(stored)
        data[offset : offset + cut] = piece[:cut]
        found = parse(data)
        assert found is not None
        assert {one.label for one in found.partitions} in ({"ESP", "ROOT-A", "STATE"}, {"ESP", "ROOT-A", "STATE", "EPHEMERAL"})


def test_gaps_numbers_and_room() -> None:
    table = make_table()
    assert table.free_number() == 4
    assert table.free_ranges() == [(2048, 8191), (32768, 131038)]
    state = table.find("STATE")
    assert state is not None
    assert table.room_after(state) == table.last_usable == 131038


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (8192, 9000, "overlaps"),
        (131000, 131071, "ends at sector 131071"),
        (5000, 4000, "ends before it begins"),
        (3, 4, "overlaps"),
    ],
)
def test_impossible_partitions_are_refused(first: int, last: int, message: str) -> None:
    with pytest.raises(gpt.GptError, match=message):
        make_table().with_partition(gpt.Partition(9, gpt.LINUX_FILESYSTEM, UUID(int=9), first, last, "X"))


def test_a_name_longer_than_the_field_is_refused() -> None:
    with pytest.raises(gpt.GptError, match="36 characters"):
        gpt.encode(make_table().with_partition(gpt.Partition(9, gpt.LINUX_FILESYSTEM, UUID(int=9), 65536, 65537, "x" * 37)))


def test_boot_code_and_hybrid_entries_survive() -> None:
    small, big = gpt.new_table(DISK, 512, 1000), gpt.new_table(DISK, 512, 5000)
    fresh = gpt.protective_mbr(b"\x90" * 440, small)
    assert fresh[:440] == b"\x90" * 440
    assert fresh[446 + 4] == 0xEE
    assert int.from_bytes(fresh[446 + 12 : 446 + 16], "little") == 999
    hybrid = bytearray(fresh)
    hybrid[462 + 4] = 0x0C
    assert gpt.protective_mbr(bytes(hybrid), big) == bytes(hybrid)
    assert int.from_bytes(gpt.protective_mbr(fresh, big)[446 + 12 : 446 + 16], "little") == 4999


def make_mbr(*starts: int, kind: int = 0x0C) -> bytes:
    entries = b"".join(struct.pack("<B3sB3sII", 0, b"", kind, b"", start, 8) for start in starts)
    return b"\x90" * 446 + entries.ljust(64, b"\0") + b"\x55\xaa"


def test_entries_that_mirror_the_table_stay_as_they_are() -> None:
    table = make_table()
    starts = [one.first for one in table.partitions]
    for old in (make_mbr(*starts), make_mbr(starts[0])):
        assert store(table, 64 * MIB, old)[:512] == old
    for foreign in (make_mbr(*starts, 77), make_mbr(), make_mbr(*starts)[:510] + b"\0\0"):
        kept = gpt.protective_mbr(foreign, table)
        assert [kept[446 + 16 * index + 4] for index in range(4)] == [0xEE, 0, 0, 0]
        assert kept[:446] == foreign[:446]


def test_a_disk_too_small_for_a_table_is_refused() -> None:
    with pytest.raises(gpt.GptError, match="too small"):
        gpt.new_table(DISK, 512, 40)


@settings(deadline=None)
@given(st.binary(max_size=4096))
def test_no_header_crashes_the_parser(noise: bytes) -> None:
    data = store(gpt.new_table(DISK, 512, 256), 256 * 512)
    data[520 : 520 + len(noise)] = noise
    try:
        table = parse(data)
    except gpt.GptError:
        return
    assert table is None or isinstance(table, gpt.Table)
