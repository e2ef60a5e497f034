"""What is planned for encrypted volumes, and for those that are in use."""

from dataclasses import replace
from uuid import UUID

import msgspec
import pytest

from controllers.block import gpt
from controllers.block.disk_state import Content, DiskState
from controllers.block.superblocks import Superblock
from controllers.block.volume_plan import plan_upkeep
from controllers.block.volume_steps import (
    MIB,
    Clear,
    EncryptClose,
    EncryptFormat,
    EncryptOpen,
    EncryptSync,
    Format,
    GrowFilesystem,
    Mount,
    WriteTable,
)
from controllers.resources.block import VolumePhase, VolumeSpec
from tests.harness.volume_plans import (
    EPHEMERAL,
    LUKS,
    NEW,
    OURS,
    ROOT,
    SIZE,
    STATE,
    UNKNOWN,
    USER,
    created,
    disk,
    entry,
    kinds,
    make,
)


def encrypted(spec: VolumeSpec) -> VolumeSpec:
    return msgspec.structs.replace(spec, encrypted=True)


def test_an_encrypted_volume_is_locked_before_its_file_system_is_made() -> None:
    made = make(encrypted(USER), disk(ROOT))
    assert made.encrypted
    names = ("/dev/vda2", "u-data", str(NEW))
    assert made.steps[1:-1] == (
        EncryptClose("u-data"),
        Clear("/dev/vda2"),
        EncryptFormat(*names),
        EncryptOpen(*names),
        EncryptSync(*names),
        Format("/dev/mapper/luks-u-data", "ext4", "u-data"),
        Mount("/dev/mapper/luks-u-data", "ext4", "/var/mnt/data"),
    )


def test_an_encrypted_volume_is_opened_and_never_made_again() -> None:
    done = entry(2, "u-data", 300, 64, gpt.ATTRIBUTE_COMPLETE)
    made = make(encrypted(USER), disk(ROOT, done, contents={2: LUKS}))
    assert kinds(made) == [EncryptOpen, Mount]
    assert not made.makes_something
    growing = msgspec.structs.replace(encrypted(USER), grow=True)
    assert kinds(make(growing, disk(ROOT, done, contents={2: LUKS}))) == [WriteTable, EncryptOpen, Mount, GrowFilesystem]


def test_without_a_key_in_the_configuration_nothing_is_opened() -> None:
    done = entry(2, "u-data", 300, 64, gpt.ATTRIBUTE_COMPLETE)
    made = make(USER, disk(ROOT, done, contents={2: LUKS}))
    assert (made.steps, made.phase) == ((), VolumePhase.FAILED)
    assert made.reason == (
        "partition 2 of /dev/vda is encrypted, and the configuration has no key for u-data; add it, or wipe the partition"
    )


def test_state_is_opened_before_there_is_a_configuration_to_say_so() -> None:
    done = entry(2, "STATE", 300, 64, gpt.ATTRIBUTE_COMPLETE)
    made = make(STATE, disk(ROOT, done, contents={2: LUKS}), configured=False)
    assert made.steps == (
        EncryptOpen("/dev/vda2", "STATE", str(UUID(int=2))),
        Mount("/dev/mapper/luks-STATE", "ext4", "/state", executable=False),
    )


def test_what_was_made_before_encryption_was_asked_for_works_and_says_so() -> None:
    done = entry(2, "STATE", 300, 64, gpt.ATTRIBUTE_COMPLETE)
    made = make(encrypted(STATE), disk(ROOT, done, contents={2: OURS}))
    assert kinds(made) == [Mount]
    assert made.reason.startswith("/dev/vda2 is not encrypted")
    assert not made.encrypted


def test_a_half_made_encrypted_volume_is_made_again() -> None:
    half = entry(2, "u-data", 300, 64, gpt.ATTRIBUTE_PROVISIONING)
    for content in (UNKNOWN, LUKS):
        assert EncryptFormat in kinds(make(encrypted(USER), disk(ROOT, half, contents={2: content})))


def test_a_partition_that_the_kernel_does_not_know_is_not_touched() -> None:
    for attributes in (0, gpt.ATTRIBUTE_PROVISIONING, gpt.ATTRIBUTE_COMPLETE):
        made = make(USER, disk(ROOT, entry(2, "u-data", 300, 64, attributes)))
        assert (made.steps, made.phase) == ((), VolumePhase.FAILED)
        assert "the kernel does not know partition 2" in made.reason


@pytest.mark.parametrize("content", [OURS, LUKS, UNKNOWN])
def test_what_is_in_use_is_marked_whatever_it_looks_like(content: Content) -> None:
    # Killed between mount and mark: without the mark the next boot would make it again, with all that is in it by then.
    half = entry(2, "STATE", 300, 64, gpt.ATTRIBUTE_PROVISIONING)
    made = plan_upkeep(STATE, disk(ROOT, half, contents={2: content}))
    assert kinds(made) == [WriteTable]
    assert created(made, "STATE").attributes == gpt.ATTRIBUTE_COMPLETE


def test_what_is_in_use_grows_but_for_encrypted_volumes() -> None:
    done = entry(2, "EPHEMERAL", 300, 1024, gpt.ATTRIBUTE_COMPLETE)
    content = Content(Superblock("ext4", "EPHEMERAL", "", 1024 * MIB))
    state = disk(ROOT, done, contents={2: content})
    assert kinds(plan_upkeep(EPHEMERAL, state)) == [WriteTable, GrowFilesystem]
    assert plan_upkeep(EPHEMERAL, disk(ROOT, done, contents={2: LUKS})).steps == ()
    assert plan_upkeep(EPHEMERAL, replace(state, read_only=True)).steps == ()
    assert plan_upkeep(EPHEMERAL, disk(ROOT)).steps == ()
    assert plan_upkeep(EPHEMERAL, DiskState("/dev/vda", SIZE, 512)).steps == ()


def test_4096_byte_sectors() -> None:
    table = gpt.new_table(UUID(int=1), 4096, SIZE // 4096)
    made = make(msgspec.structs.replace(EPHEMERAL, max_size=2048 * MIB), DiskState("/dev/vda", SIZE, 4096, table=table))
    partition = created(made, "EPHEMERAL")
    assert partition.first % 256 == 0
    assert partition.sectors * 4096 == 2048 * MIB
