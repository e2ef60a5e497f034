"""Partitions of an installed disk: the same as an image's, with room for years."""

from uuid import UUID

import pytest

from controllers.block import gpt
from controllers.install import layout
from controllers.install.layout import GIB, MIB, Payload, TooSmall, plan_sizes, plan_table
from image import disk as image_disk
from image.arch import get_arch
from image.boards import get_board

HASH = "0123456789abcdef" * 4
PAYLOAD = Payload("amd64", HASH, 240 * MIB, 40 * MIB)
ID = UUID(int=7)


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_names_types_order_and_start_are_those_of_an_image(arch: str) -> None:
    payload = Payload(arch, HASH, 240 * MIB, 40 * MIB)
    ours = plan_table(payload, 64 * GIB, 512, ID).partitions
    theirs = image_disk.plan_disk(get_board("metal"), get_arch(arch), HASH, 240 * MIB)
    assert [(one.label, str(one.type).upper()) for one in ours] == [(one.name, one.type.upper()) for one in theirs]
    assert ours[0].first * 512 == theirs[0].start * MIB
    assert str(ours[2].uuid) == theirs[2].id.lower(), "the root is found by this id"
    sizes = {one.label: one.sectors * 512 // MIB for one in ours}
    assert all(sizes[one.name] >= one.size for one in theirs)


def test_a_roomy_disk_gets_room_for_ten_years() -> None:
    sizes = plan_sizes(PAYLOAD, 8 * GIB, 512)
    assert (sizes.slot, sizes.esp) == (1024 * MIB, 512 * MIB)


def test_what_the_medium_needs_counts_more() -> None:
    sizes = plan_sizes(Payload("amd64", HASH, 900 * MIB, 200 * MIB), 64 * GIB, 512)
    assert sizes.slot == 1856 * MIB, "twice the image, in steps of 64 MiB"
    assert sizes.esp == 616 * MIB, "three sets of boot files"


def test_a_small_disk_gets_less_and_ephemeral_keeps_its_minimum() -> None:
    sizes = plan_sizes(PAYLOAD, 4 * GIB, 512)
    assert (sizes.slot, sizes.esp) == (384 * MIB, 256 * MIB)
    table = plan_table(PAYLOAD, 4 * GIB, 512, ID)
    [(first, last)] = table.free_ranges()
    assert (last - first + 1) * 512 >= GIB


def test_too_small_says_how_much_is_needed() -> None:
    with pytest.raises(TooSmall, match="needs a disk of 2116 MiB, and this one has 2115 MiB"):
        plan_table(PAYLOAD, 2115 * MIB, 512, ID)
    [(first, last)] = plan_table(PAYLOAD, 2116 * MIB, 512, ID).free_ranges()
    assert (last - first + 1) * 512 >= GIB - MIB


def test_sectors_of_4096_bytes_are_aligned_and_leave_fat32_its_clusters() -> None:
    table = plan_table(PAYLOAD, 4 * GIB, 4096, ID)
    assert all(one.first * 4096 % MIB == 0 for one in table.partitions)
    esp = layout.get_partition(table, "ESP")
    assert esp.sectors - 1024 > 65525


def test_ids_differ_by_disk_and_partition_but_the_root_s_is_its_hash() -> None:
    one, other = plan_table(PAYLOAD, 64 * GIB, 512, ID), plan_table(PAYLOAD, 64 * GIB, 512, UUID(int=8))
    ids = {part.uuid for table in (one, other) for part in table.partitions}
    assert len(ids) == 11
    assert layout.get_partition(one, "ROOT-A").uuid == UUID(HASH[:32])


def test_state_is_never_formatted_again() -> None:
    assert layout.get_partition(plan_table(PAYLOAD, 64 * GIB, 512, ID), "STATE").attributes == gpt.ATTRIBUTE_COMPLETE


def test_our_tables_are_known_and_others_are_not() -> None:
    table = plan_table(PAYLOAD, 64 * GIB, 512, ID)
    assert layout.is_ours(table)
    assert not layout.is_ours(gpt.new_table(ID, 512, 1 << 24))
    with pytest.raises(gpt.GptError, match="no partition EPHEMERAL"):
        layout.get_partition(table, "EPHEMERAL")
