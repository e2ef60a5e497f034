"""The plan of the disk, and the script for sfdisk."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from image.arch import AMD64, ARM64
from image.boards import BOARDS
from image.disk import Partition, derive_id, find_data, plan_disk, render_script, write_at, write_sparse
from image.esp import MIB

ROOT_HASH = "00112233445566778899aabbccddeeff" * 2


def test_partitions_lie_one_behind_the_other() -> None:
    plan = plan_disk(BOARDS["cloud"], AMD64, ROOT_HASH, 100 * MIB)
    assert [p.name for p in plan] == ["BIOS", "ESP", "ROOT-A", "ROOT-B", "META", "STATE"]
    assert plan[0].start == 1
    for before, after in pairwise(plan):
        assert after.start == before.start + before.size


def test_the_root_partition_bears_the_hash_and_the_ids_differ() -> None:
    plan = {p.name: p for p in plan_disk(BOARDS["cloud"], ARM64, ROOT_HASH, 100 * MIB)}
    assert plan["ROOT-A"].id == "00112233-4455-6677-8899-aabbccddeeff"
    assert plan["ROOT-A"].type == plan["ROOT-B"].type == ARM64.root_type
    assert len({p.id for p in plan.values()}) == len(plan)
    assert derive_id(ROOT_HASH, "ESP") != derive_id("f" * 64, "ESP")


@pytest.mark.parametrize(("root_mib", "slot"), [(1, 1024), (512, 1024), (513, 1088), (1000, 2048)])
def test_a_slot_has_room_for_twice_the_image(root_mib: int, slot: int) -> None:
    plan = {p.name: p for p in plan_disk(BOARDS["cloud"], AMD64, ROOT_HASH, root_mib * MIB)}
    assert plan["ROOT-A"].size == plan["ROOT-B"].size == slot


def test_the_script() -> None:
    plan = [Partition("ESP", "T-1", "U-1", 1, 2), Partition("META", "T-2", "U-2", 3, 1)]
    assert render_script("D", plan) == (
        "label: gpt\nlabel-id: D\nfirst-lba: 2048\n"
        'start=2048, size=4096, type=T-1, uuid=U-1, name="ESP"\n'
        'start=6144, size=2048, type=T-2, uuid=U-2, name="META"\n'
    )


def test_holes_are_not_read(tmp_path: Path) -> None:
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.write(b"a" * 4096)
        file.seek(64 * MIB)
        file.write(b"end")
        file.truncate(128 * MIB)
    with source.open("rb") as file:
        pieces = list(find_data(file.fileno()))
    assert sum(end - start for start, end in pieces) < MIB
    target = tmp_path / "target"
    target.write_bytes(bytes(MIB))
    write_sparse(source, target, MIB)
    data = target.read_bytes()
    assert data[MIB : MIB + 4097] == b"a" * 4096 + b"\0"
    assert data[65 * MIB :].rstrip(b"\0") == b"end"


def test_a_piece_is_written_in_place(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"0123456789")
    write_at(target, 3, b"abc")
    assert target.read_bytes() == b"012abc6789"


def test_zeros_stay_holes(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"a" * MIB + bytes(8 * MIB) + b"end")
    with target.open("wb") as file:
        file.truncate(32 * MIB)
    write_sparse(source, target, 2 * MIB)
    data = target.read_bytes()
    assert data[: 2 * MIB] == bytes(2 * MIB)
    assert data[2 * MIB : 11 * MIB + 3] == source.read_bytes()
    assert target.stat().st_blocks * 512 < 4 * MIB
