"""What is planned for a volume, and above all what is not."""

from dataclasses import replace
from uuid import UUID

from controllers.block import gpt
from controllers.block.superblocks import Superblock
from controllers.block.volume_plan import (
    MIB,
    Content,
    DiskState,
    Format,
    GrowFilesystem,
    Mount,
    Plan,
    WriteTable,
    plan,
)
from controllers.resources.block import VolumePhase, VolumeSpec

NEW = UUID(int=77)
SIZE = 4096 * MIB
KIND = str(gpt.LINUX_FILESYSTEM)
STATE = VolumeSpec(label="STATE", mount_point="/state", partition_type=KIND, min_size=64 * MIB, max_size=64 * MIB)
EPHEMERAL = VolumeSpec(label="EPHEMERAL", mount_point="/var", partition_type=KIND, min_size=1024 * MIB)
OURS = Content(Superblock("ext4", "STATE", "u", 64 * MIB))


def entry(number: int, label: str, first_mib: int, mib: int, attributes: int = 0) -> gpt.Partition:
    first = first_mib * 2048
    return gpt.Partition(number, gpt.LINUX_FILESYSTEM, UUID(int=number), first, first + mib * 2048 - 1, label, attributes)


def disk(*partitions: gpt.Partition, contents: dict[int, Content] | None = None, size: int = SIZE) -> DiskState:
    table = gpt.new_table(UUID(int=1), 512, size // 512)
    for one in partitions:
        table = table.with_partition(one)
    table = replace(table, stored_sectors=table.sectors)
    return DiskState("/dev/vda", size, 512, table=table, partitions=contents or {})


def make(spec: VolumeSpec, state: DiskState, configured: bool = True) -> Plan:
    return plan(spec, state, configured=configured, new_uuid=NEW)


def kinds(made: Plan) -> list[type]:
    return [type(step) for step in made.steps]


ROOT = entry(1, "ROOT-A", 1, 200)
BLANK = Content(blank=True)
UNKNOWN = Content()


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
    assert made.steps == (Mount("/dev/vda", 2, "ext4", "/state", executable=False),)


def test_ephemeral_is_not_even_mounted_before_the_configuration_since_it_may_grow() -> None:
    complete = entry(2, "EPHEMERAL", 300, 1024, gpt.ATTRIBUTE_COMPLETE)
    content = Content(Superblock("ext4", "EPHEMERAL", "", 1024 * MIB))
    made = make(EPHEMERAL, disk(ROOT, complete, contents={2: content}), configured=False)
    assert (made.steps, made.phase) == ((), VolumePhase.MISSING)


def test_a_missing_partition_is_made_in_the_biggest_gap_marked_formatted_mounted_marked() -> None:
    made = make(EPHEMERAL, disk(ROOT, entry(2, "STATE", 300, 64), contents={2: OURS}))
    assert kinds(made) == [WriteTable, Format, Mount, WriteTable]
    first, formatted, mounted, last = made.steps
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
    assert formatted == Format("/dev/vda", 3, "ext4", "EPHEMERAL")
    assert [step.describe() for step in made.steps] == [
        "write the partition table of /dev/vda: add EPHEMERAL",
        "make ext4 EPHEMERAL in partition 3 of /dev/vda",
        "mount partition 3 of /dev/vda at /var",
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
    assert made.reason == "EPHEMERAL needs 1024 MiB, and /dev/vda has 310 MiB free; use a bigger disk"


def test_an_empty_disk_gets_a_table_with_another_id_than_its_partition() -> None:
    made = make(STATE, DiskState("/dev/vda", SIZE, 512, content=BLANK))
    assert kinds(made) == [WriteTable, Format, Mount, WriteTable]
    step = made.steps[0]
    assert isinstance(step, WriteTable)
    assert step.table.disk_uuid != NEW


def test_foreign_disks_are_left_alone() -> None:
    mbr = make(STATE, DiskState("/dev/vda", SIZE, 512, content=BLANK, mbr_partitions=True))
    assert mbr.reason == "/dev/vda holds partitions of an MBR and is left alone"
    luks = make(STATE, DiskState("/dev/vda", SIZE, 512, content=Content(Superblock("LUKS"))))
    assert luks.reason == "/dev/vda holds a LUKS file system and is left alone"
    unknown = make(STATE, DiskState("/dev/vda", SIZE, 512, content=UNKNOWN))
    assert unknown.reason == "/dev/vda holds unknown data and is left alone"
    assert {one.phase for one in (mbr, luks, unknown)} == {VolumePhase.FAILED}


def test_foreign_partitions_are_left_alone() -> None:
    for content in (UNKNOWN, Content(Superblock("ext4", "precious")), Content(Superblock("xfs", "STATE"))):
        made = make(STATE, disk(ROOT, entry(2, "STATE", 300, 64), contents={2: content}))
        assert made.steps == ()
        assert made.phase is VolumePhase.FAILED
        assert "partition 2 of /dev/vda holds" in made.reason


def test_what_was_complete_is_never_formatted_again() -> None:
    complete = entry(2, "STATE", 300, 64, gpt.ATTRIBUTE_COMPLETE)
    for content in (UNKNOWN, BLANK, Content(Superblock("LUKS"))):
        made = make(STATE, disk(ROOT, complete, contents={2: content}))
        assert made.steps == ()
        assert "was STATE and now holds" in made.reason


def test_a_zeroed_state_of_the_image_is_formatted() -> None:
    made = make(STATE, disk(ROOT, entry(2, "STATE", 300, 64), contents={2: BLANK}))
    assert kinds(made) == [WriteTable, Format, Mount, WriteTable]
    step = made.steps[0]
    assert isinstance(step, WriteTable)
    assert step.number == 0, "the partition itself does not change"


def test_a_half_made_file_system_is_made_again() -> None:
    half = entry(2, "STATE", 300, 64, gpt.ATTRIBUTE_PROVISIONING)
    for content in (UNKNOWN, OURS):
        assert kinds(make(STATE, disk(ROOT, half, contents={2: content}))) == [WriteTable, Format, Mount, WriteTable]


def test_a_complete_volume_on_an_unchanged_disk_is_only_mounted() -> None:
    complete = entry(2, "STATE", 300, 64, gpt.ATTRIBUTE_COMPLETE)
    assert kinds(make(STATE, disk(ROOT, complete, contents={2: OURS}))) == [Mount]


def test_a_complete_volume_grows_with_its_disk() -> None:
    complete = entry(2, "EPHEMERAL", 300, 1024, gpt.ATTRIBUTE_COMPLETE)
    content = Content(Superblock("ext4", "EPHEMERAL", "", 1024 * MIB))
    made = make(EPHEMERAL, disk(ROOT, complete, contents={2: content}))
    assert kinds(made) == [WriteTable, Mount, GrowFilesystem]
    assert made.steps[2] == GrowFilesystem("/var", (4095 - 300) * MIB)


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
    assert kinds(make(STATE, state)) == [Mount]
    assert make(EPHEMERAL, state).reason == "/dev/vda is read-only"


def replace_max(spec: VolumeSpec, maximum: int) -> VolumeSpec:
    return VolumeSpec(
        label=spec.label,
        mount_point=spec.mount_point,
        partition_type=spec.partition_type,
        min_size=spec.min_size,
        max_size=maximum,
    )
