"""The card of a Raspberry Pi: two tables that say the same of the boot partitions, and what is in those."""

from __future__ import annotations

import hashlib
import os
from itertools import pairwise
from pathlib import Path

import pytest

from controllers.block import gpt
from image.arch import ARM64
from image.boards import get_board
from image.context import Context
from image.disk import BOOT_MIB, BOOT_SLOT_MIB, Partition, find_data, make_disk, plan_disk, render_mbr
from image.errors import CommandError
from image.esp import MIB
from image.formats import mbr
from image.pi import list_loader_files
from image.run import get_program, run
from tests.unit.image.pi_build import ROOT_HASH, make_context

UNIT = MIB // 512
FAT32_CLUSTERS = 65525  # at least; a FAT with fewer is a FAT16 whatever it says (Microsoft, FAT specification)


def plan() -> tuple[Partition, ...]:
    return plan_disk(get_board("raspberry-pi-4"), ARM64, ROOT_HASH, 100 * MIB)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Context, Path]:
    """A card of a board with a boot ROM."""
    top = tmp_path_factory.mktemp("card")
    context = make_context(top, "raspberry-pi-3")
    make_disk(context, top / "disk.img")
    return context, top / "disk.img"


def read_table(path: Path) -> gpt.Table:
    with path.open("rb") as file:
        table = gpt.parse(lambda at, length: os.pread(file.fileno(), length, at), 512, path.stat().st_size)
    assert table is not None
    return table


def test_the_plan() -> None:
    rows = [(p.name, p.start, p.size) for p in plan()]
    assert rows[:4] == [
        ("BOOT", 1, BOOT_MIB),
        ("BOOT-A", 1 + BOOT_MIB, BOOT_SLOT_MIB),
        ("BOOT-B", 1 + BOOT_MIB + BOOT_SLOT_MIB, BOOT_SLOT_MIB),
        ("ROOT-A", 1 + BOOT_MIB + 2 * BOOT_SLOT_MIB, 1024),
    ]
    assert [name for name, _, _ in rows] == ["BOOT", "BOOT-A", "BOOT-B", "ROOT-A", "ROOT-B", "META", "STATE"]
    for (_, start, size), (_, following, _) in pairwise(rows):
        assert following == start + size


def test_the_old_table_has_the_same_boot_partitions_and_one_for_the_rest() -> None:
    sector = bytes(440) + render_mbr("12345678-0000", plan())
    assert sector[440:444] == bytes.fromhex("78563412")
    last = plan()[-1]
    assert mbr.parse_table(sector) == (
        *(mbr.Entry(mbr.FAT32, p.start * UNIT, p.size * UNIT) for p in plan()[:3]),
        mbr.Entry(mbr.LINUX, plan()[3].start * UNIT, (last.start + last.size - plan()[3].start) * UNIT),
    )


def test_both_tables_are_on_the_card(made: tuple[Context, Path]) -> None:
    _, path = made
    table = read_table(path)
    assert table.is_current
    assert [p.label for p in table.partitions] == ["BOOT", "BOOT-A", "BOOT-B", "ROOT-A", "ROOT-B", "META", "STATE"]
    assert [p.number for p in table.partitions] == list(range(1, 8))
    with path.open("rb") as file:
        first = file.read(512)
    entries = mbr.parse_table(first)
    assert [(e.start, e.size) for e in entries[:3]] == [(p.first, p.sectors) for p in table.partitions[:3]]
    assert entries[3].start == table.partitions[3].first
    assert gpt.PROTECTIVE not in [entry.type for entry in entries], "the firmware would read the GPT instead"


def test_the_well_kept_tools_find_nothing_wrong(made: tuple[Context, Path], tmp_path: Path) -> None:
    """sfdisk(8) believes the old table, as the firmware does; sgdisk(8) judges the GPT when that one is protective."""
    _, path = made
    assert "label: dos" in run([get_program("sfdisk"), "--dump", path]).decode()
    assert "No errors detected" in run([get_program("sfdisk"), "--verify", path]).decode()
    copy = tmp_path / "disk.img"
    run(["cp", "--sparse=always", path, copy])
    with copy.open("r+b") as file:
        file.write(gpt.protective_mbr(b"", read_table(path)))
    assert "No problems found" in run([get_program("sgdisk"), "--verify", copy]).decode()


def test_the_nodes_own_partitions_leave_the_old_table_alone(made: tuple[Context, Path]) -> None:
    _, path = made
    table = read_table(path)
    first, last = table.free_ranges()[-1]
    more = gpt.Partition(8, gpt.LINUX_FILESYSTEM, gpt.LINUX_FILESYSTEM, first, last, "EPHEMERAL")
    with path.open("rb") as file:
        sector = file.read(512)
    writes = dict(gpt.encode(table.with_partition(more), sector))
    assert writes[0] == sector


def test_the_file_systems_hold_their_files(made: tuple[Context, Path], tmp_path: Path) -> None:
    context, path = made
    places = {p.label: p for p in read_table(path).partitions}
    wanted = {"BOOT": list_loader_files(context), "BOOT-A": context.boot_files, "BOOT-B": {}}
    for name, files in wanted.items():
        place = places[name]
        where = f"{path}@@{place.first * 512}"
        assert list_files(where) == set(files), name
        for file, content in files.items():
            data = content if isinstance(content, bytes) else content.read_bytes()
            assert run([get_program("mtype"), "-i", where, f"::{file}"]) == data, file
        image = tmp_path / name
        with path.open("rb") as disk:
            disk.seek(place.first * 512)
            image.write_bytes(disk.read(place.sectors * 512))
        run([get_program("fsck.vfat"), "-n", image])
        assert count_clusters(image) >= FAT32_CLUSTERS


def list_files(where: str) -> set[str]:
    """Names of all files of a FAT; mdir(1) takes one without any for an error."""
    try:
        listed = run([get_program("mdir"), "-i", where, "-b", "-/", "::/"]).decode().split()
    except CommandError as error:
        if 'File "::/" not found' in str(error):
            return set()
        raise
    return {line.removeprefix("::/") for line in listed if not line.endswith("/")}


def count_clusters(image: Path) -> int:
    """From the boot sector (Microsoft, FAT specification, section 3)."""
    with image.open("rb") as file:
        sector = file.read(512)

    def field(at: int, size: int) -> int:
        return int.from_bytes(sector[at : at + size], "little")

    data = field(32, 4) - field(14, 2) - sector[16] * field(36, 4)
    return data // sector[13]


def digest_data(path: Path) -> str:
    """Of what is no hole, and of where it is; reading the holes would take a while."""
    total = hashlib.sha256(str(path.stat().st_size).encode())
    with path.open("rb") as file:
        for start, end in find_data(file.fileno()):
            for at in range(start, end, MIB):
                piece = os.pread(file.fileno(), min(MIB, end - at), at)
                if piece.count(0) != len(piece):
                    total.update(f"{at}:".encode() + piece)
    return total.hexdigest()


def test_made_twice_it_is_the_same(made: tuple[Context, Path], tmp_path: Path) -> None:
    _, path = made
    again = tmp_path / "disk.img"
    make_disk(make_context(tmp_path / "other", "raspberry-pi-3"), again)
    assert digest_data(path) == digest_data(again)
