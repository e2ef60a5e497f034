"""What is planned for a volume, and above all what is not."""

from dataclasses import replace

import msgspec

from controllers.block import gpt
from controllers.block.disk_state import Content, DiskState
from controllers.block.superblocks import Superblock
from controllers.block.volume_plan import Plan, filesystem_label
from controllers.block.volume_steps import (
    MIB,
    Clear,
    Format,
    GrowFilesystem,
    Mount,
    SwapOn,
    WriteTable,
)
from controllers.resources.block import VolumePhase, VolumeSpec
from tests.harness.volume_plans import (
    BLANK,
    EPHEMERAL,
    LUKS,
    MAKE,
    NEW,
    OURS,
    RAW,
    ROOT,
    SIZE,
    STATE,
    SWAP,
    UNKNOWN,
    USER,
    created,
    disk,
    entry,
    kinds,
    make,
)


def test_nothing_changes_before_the_configuration_is_complete() -> None:
    half = entry(2, "STATE", 300, 64, gpt.ATTRIBUTE_PROVISIONING)
    for state in (
        disk(ROOT),
        disk(ROOT, entry(2, "STATE", 300, 64), contents={2: BLANK}),
        disk(ROOT, half, contents={2: UNKNOWN}),
        DiskState("/dev/vda", SIZE, 512, content=BLANK),
    ):
        made = make(STATE, state, configured=False)
        assert made.steps == ()
        assert made.phase is VolumePhase.MISSING
        assert "once the configuration is complete" in made.reason


def test_an_existing_state_is_mounted_and_only_that_before_the_configuration() -> None:
    made = make(STATE, disk(ROOT, entry(2, "STATE", 300, 32), contents={2: OURS}), configured=False)
    assert made.steps == (Mount("/dev/vda2", "ext4", "/state", executable=False),)


def test_ephemeral_is_not_even_mounted_before_the_configuration_since_it_may_grow() -> None:
    complete = entry(2, "EPHEMERAL", 300, 1024, gpt.ATTRIBUTE_COMPLETE)
    content = Content(Superblock("ext4", "EPHEMERAL", "", 1024 * MIB))
    made = make(EPHEMERAL, disk(ROOT, complete, contents={2: content}), configured=False)
    assert (made.steps, made.phase) == ((), VolumePhase.MISSING)


def test_a_missing_partition_is_made_in_the_biggest_gap_marked_formatted_mounted_marked() -> None:
    made = make(EPHEMERAL, disk(ROOT, entry(2, "STATE", 300, 64), contents={2: OURS}))
    assert kinds(made) == MAKE
    first, cleared, formatted, mounted, last = made.steps
    assert cleared == Clear("/dev/vda3")
    assert isinstance(first, WriteTable)
    assert isinstance(last, WriteTable)
    assert isinstance(mounted, Mount)
    assert mounted.executable, "containers run programs from there"
    created = first.table.find("EPHEMERAL")
    assert created is not None
    assert (created.number, created.uuid, created.first) == (3, NEW, 364 * 2048)
    assert created.attributes == gpt.ATTRIBUTE_PROVISIONING
    assert (created.last + 1) % 2048 == 0
    assert first.number == 3, "the kernel must be told"
    done = last.table.find("EPHEMERAL")
    assert done is not None
    assert done.attributes == gpt.ATTRIBUTE_COMPLETE
    assert formatted == Format("/dev/vda3", "ext4", "EPHEMERAL")
    assert [step.describe() for step in made.steps] == [
        "write the partition table of /dev/vda: add EPHEMERAL",
        "clear the ends of /dev/vda3",
        "make ext4 EPHEMERAL on /dev/vda3",
        "mount /dev/vda3 at /var",
        "write the partition table of /dev/vda: mark EPHEMERAL as complete",
    ]


def test_the_maximum_size_is_kept() -> None:
    made = make(STATE, disk(ROOT))
    step = made.steps[0]
    assert isinstance(step, WriteTable)
    created = step.table.find("STATE")
    assert created is not None
    assert created.sectors * 512 == 64 * MIB


def test_a_disk_too_small_says_how_much_is_missing() -> None:
    made = make(EPHEMERAL, disk(ROOT, size=512 * MIB))
    assert made.phase is VolumePhase.FAILED
    assert made.reason == "EPHEMERAL needs 1024 MiB, and /dev/vda has 310 MiB for it; use a bigger disk"


def test_an_empty_disk_gets_a_table_with_another_id_than_its_partition() -> None:
    made = make(STATE, DiskState("/dev/vda", SIZE, 512, content=BLANK))
    assert kinds(made) == MAKE
    step = made.steps[0]
    assert isinstance(step, WriteTable)
    assert step.table.disk_uuid != NEW


def test_foreign_disks_are_left_alone() -> None:
    mbr = make(STATE, DiskState("/dev/vda", SIZE, 512, content=BLANK, mbr_partitions=True))
    assert mbr.reason == "/dev/vda holds partitions of an MBR and is left alone; wipe it to let it be used"
    luks = make(STATE, DiskState("/dev/vda", SIZE, 512, content=Content(Superblock("luks1"))))
    assert luks.reason == "/dev/vda holds LUKS1 encryption and is left alone; wipe it to let it be used"
    unknown = make(STATE, DiskState("/dev/vda", SIZE, 512, content=UNKNOWN))
    assert unknown.reason == "/dev/vda holds unknown data and is left alone; wipe it to let it be used"
    assert {one.phase for one in (mbr, luks, unknown)} == {VolumePhase.FAILED}


def test_foreign_partitions_are_left_alone() -> None:
    for content in (UNKNOWN, Content(Superblock("ext4", "precious")), Content(Superblock("xfs", "STATE"))):
        made = make(STATE, disk(ROOT, entry(2, "STATE", 300, 64), contents={2: content}))
        assert made.steps == ()
        assert made.phase is VolumePhase.FAILED
        assert "partition 2 of /dev/vda holds" in made.reason


def test_what_was_complete_is_never_formatted_again() -> None:
    complete = entry(2, "STATE", 300, 64, gpt.ATTRIBUTE_COMPLETE)
    for content in (UNKNOWN, BLANK, Content(Superblock("luks1"))):
        made = make(STATE, disk(ROOT, complete, contents={2: content}))
        assert made.steps == ()
        assert "was STATE and now holds" in made.reason


def test_a_zeroed_state_of_the_image_is_formatted() -> None:
    made = make(STATE, disk(ROOT, entry(2, "STATE", 300, 64), contents={2: BLANK}))
    assert kinds(made) == MAKE
    step = made.steps[0]
    assert isinstance(step, WriteTable)
    assert step.number == 0, "the partition itself does not change"


def test_a_half_made_file_system_is_made_again() -> None:
    half = entry(2, "STATE", 300, 64, gpt.ATTRIBUTE_PROVISIONING)
    for content in (UNKNOWN, OURS):
        assert kinds(make(STATE, disk(ROOT, half, contents={2: content}))) == MAKE


def test_a_complete_volume_on_an_unchanged_disk_is_only_mounted() -> None:
    complete = entry(2, "STATE", 300, 64, gpt.ATTRIBUTE_COMPLETE)
    assert kinds(make(STATE, disk(ROOT, complete, contents={2: OURS}))) == [Mount]


def test_a_complete_volume_grows_with_its_disk() -> None:
    complete = entry(2, "EPHEMERAL", 300, 1024, gpt.ATTRIBUTE_COMPLETE)
    content = Content(Superblock("ext4", "EPHEMERAL", "", 1024 * MIB))
    made = make(EPHEMERAL, disk(ROOT, complete, contents={2: content}))
    assert kinds(made) == [WriteTable, Mount, GrowFilesystem]
    assert made.steps[2] == GrowFilesystem("/dev/vda2", "ext4", "/var")


def test_growth_stops_at_the_maximum_and_ignores_crumbs() -> None:
    spec = replace_max(EPHEMERAL, 2048 * MIB)
    complete = entry(2, "EPHEMERAL", 300, 1024, gpt.ATTRIBUTE_COMPLETE)
    content = Content(Superblock("ext4", "EPHEMERAL", "", 1024 * MIB))
    step = make(spec, disk(ROOT, complete, contents={2: content})).steps[0]
    assert isinstance(step, WriteTable)
    grown = step.table.find("EPHEMERAL")
    assert grown is not None
    assert grown.sectors * 512 == 2048 * MIB
    whole = Content(Superblock("ext4", "EPHEMERAL", "", 1024 * MIB))
    crumbs = disk(ROOT, complete, contents={2: whole}, size=(1324 + 10) * MIB)
    assert kinds(make(EPHEMERAL, crumbs)) == [Mount]


def test_a_misplaced_backup_is_put_right() -> None:
    complete = entry(2, "STATE", 300, 64, gpt.ATTRIBUTE_COMPLETE)
    state = disk(ROOT, complete, contents={2: OURS})
    assert state.table is not None
    moved = replace(state, table=replace(state.table, stored_sectors=1000))
    assert kinds(make(STATE, moved)) == [WriteTable, Mount]


def test_a_read_only_disk_is_not_written() -> None:
    state = replace(disk(ROOT, entry(2, "STATE", 300, 64), contents={2: OURS}), read_only=True)
    mounted = make(STATE, state)
    assert mounted.steps == (Mount("/dev/vda2", "ext4", "/state", executable=False, read_only=True),)
    assert mounted.reason == "/dev/vda is read-only"
    assert make(EPHEMERAL, state).reason == "/dev/vda is read-only, so EPHEMERAL cannot be made on it"
    zeros = replace(disk(ROOT, entry(2, "STATE", 300, 64), contents={2: BLANK}), read_only=True)
    assert make(STATE, zeros).phase is VolumePhase.FAILED


def replace_max(spec: VolumeSpec, maximum: int) -> VolumeSpec:
    return msgspec.structs.replace(spec, max_size=maximum)


def test_a_volume_with_a_maximum_takes_the_smallest_gap_that_is_enough() -> None:
    gone = disk(ROOT, entry(3, "EPHEMERAL", 364, 1024), entry(4, "u-data", 1500, 2000))  # 63 MiB, 99 MiB, 595 MiB
    assert created(make(STATE, gone), "STATE").first == (364 + 1024) * 2048
    back = disk(entry(1, "ROOT-A", 1, 299), entry(3, "EPHEMERAL", 364, 1024))
    assert created(make(STATE, back), "STATE").first == 300 * 2048, "where it has always been"
    tight = disk(ROOT, entry(3, "EPHEMERAL", 264, 3800))
    assert make(STATE, tight).phase is VolumePhase.FAILED


def test_a_share_of_the_disk_leaves_the_rest() -> None:
    made = make(msgspec.structs.replace(EPHEMERAL, max_percent=50), disk(ROOT))
    assert created(made, "EPHEMERAL").sectors * 512 == 2048 * MIB
    assert [kinds(make(USER, replace(disk(ROOT), table=created_table(made))))] == [MAKE]


def created_table(made: Plan) -> gpt.Table:
    step = made.steps[0]
    assert isinstance(step, WriteTable)
    return step.table


def test_a_user_volume_without_room_says_what_helps() -> None:
    full = disk(ROOT, entry(2, "EPHEMERAL", 300, 3700))
    made = make(msgspec.structs.replace(USER, min_size=200 * MIB), full)
    assert made.reason == (
        "u-data needs 200 MiB, and /dev/vda has 99 MiB for it; "
        "use a bigger disk, or on the system disk give EPHEMERAL a `maxSize`"
    )
    small = make(msgspec.structs.replace(USER, min_size=200 * MIB, max_percent=1), disk(ROOT))
    assert "raise its `maxSize`" in small.reason


def test_a_volume_is_made_only_when_those_before_it_have_their_places() -> None:
    waiting = make(USER, disk(ROOT), blocked="EPHEMERAL")
    assert (waiting.steps, waiting.phase, waiting.reason) == ((), VolumePhase.WAITING, "waits for EPHEMERAL")
    there = entry(2, "u-data", 300, 64, gpt.ATTRIBUTE_COMPLETE)
    content = Content(Superblock("ext4", "u-data", "", 64 * MIB))
    assert kinds(make(USER, disk(ROOT, there, contents={2: content}), blocked="EPHEMERAL")) == [Mount], "it has its place"


def test_a_user_volume_grows_only_when_it_may() -> None:
    there = entry(2, "u-data", 300, 64, gpt.ATTRIBUTE_COMPLETE)
    state = disk(ROOT, there, contents={2: Content(Superblock("ext4", "u-data", "", 64 * MIB))})
    assert kinds(make(USER, state)) == [Mount]
    growing = msgspec.structs.replace(USER, grow=True, max_size=256 * MIB)
    made = make(growing, state)
    assert kinds(made) == [WriteTable, Mount, GrowFilesystem]
    assert created(made, "u-data").sectors * 512 == 256 * MIB


def test_raw_partitions_are_only_made() -> None:
    made = make(RAW, disk(ROOT))
    assert kinds(made) == [WriteTable, Clear, WriteTable]
    done = entry(2, "r-ceph", 300, 64, gpt.ATTRIBUTE_COMPLETE)
    for content in (UNKNOWN, BLANK, Content(Superblock("lvm2")), LUKS):
        again = make(RAW, disk(ROOT, done, contents={2: content}))
        assert (again.steps, again.phase, again.number) == ((), VolumePhase.READY, 2), "what is in it is its user's business"
    half = entry(2, "r-ceph", 300, 64, gpt.ATTRIBUTE_PROVISIONING)
    assert kinds(make(RAW, disk(ROOT, half, contents={2: UNKNOWN}))) == [WriteTable, Clear, WriteTable]


def test_swap_is_made_and_used() -> None:
    made = make(SWAP, disk(ROOT))
    assert kinds(made) == [WriteTable, Clear, Format, SwapOn, WriteTable]
    assert made.steps[2:4] == (Format("/dev/vda2", "swap", "s-one"), SwapOn("/dev/vda2", 5))
    done = entry(2, "s-one", 300, 64, gpt.ATTRIBUTE_COMPLETE)
    assert kinds(make(SWAP, disk(ROOT, done, contents={2: Content(Superblock("swap", "s-one"))}))) == [SwapOn]
    assert make(SWAP, disk(ROOT, done, contents={2: Content(Superblock("xfs", "s-one"))})).steps == ()


def test_another_file_system_than_there_is_is_refused() -> None:
    there = entry(2, "u-data", 300, 400, gpt.ATTRIBUTE_COMPLETE)
    state = disk(ROOT, there, contents={2: Content(Superblock("ext4", "u-data", "", 400 * MIB))})
    made = make(msgspec.structs.replace(USER, filesystem="xfs"), state)
    assert (made.steps, made.phase) == ((), VolumePhase.FAILED)
    assert made.reason == (
        "partition 2 of /dev/vda holds a ext4 file system labelled u-data, and xfs is asked for; "
        "change that, or wipe the partition"
    )


def test_labels_of_file_systems_are_cut_to_what_fits() -> None:
    long = msgspec.structs.replace(USER, label="u-a-very-long-name-indeed", filesystem="xfs")
    assert filesystem_label(long) == "u-a-very-lon"
    there = entry(2, long.label, 300, 400, gpt.ATTRIBUTE_COMPLETE)
    content = Content(Superblock("xfs", "u-a-very-lon", "", 400 * MIB))
    assert kinds(make(long, disk(ROOT, there, contents={2: content}))) == [Mount]
