"""Which partitions and disks a reset destroys, and which requests are refused."""

from typing import Any

import pytest

from controllers.block.wipe_plan import DropEntries, DropRecord, EraseAll, EraseEnds, WipePlan
from controllers.lifecycle.reset_plan import BASE_SECONDS, LIMIT_MAX, MAX_SECONDS, destroys, plan_reset
from controllers.resources.block import DiscoveredVolume, Disk
from controllers.resources.reset import AfterReset, ResetMode, ResetRequest
from controllers.runtime.errors import OperationError

GB = 10**9
DISKS = {
    "vda": Disk(path="/dev/vda", size=50 * GB, system=True),
    "vdb": Disk(path="/dev/vdb", size=100 * GB, serial="b", links_by_id=("/dev/disk/by-id/virtio-b",)),
    "vdc": Disk(path="/dev/vdc", size=100 * GB),
    "sr0": Disk(path="/dev/sr0", size=GB, read_only=True),
}


def partition(disk: str, number: int, label: str, filesystem: str = "ext4") -> DiscoveredVolume:
    name = f"/dev/{disk}{number}"
    return DiscoveredVolume(
        path=name, size=number * GB, parent=disk, partition_label=label, partition_uuid=f"{disk}{number}", filesystem=filesystem
    )


VOLUMES = [
    DiscoveredVolume(path="/dev/vda", size=50 * GB, filesystem="gpt"),
    partition("vda", 1, "ROOT-A"),
    partition("vda", 2, "META", ""),
    partition("vda", 3, "STATE", "luks2"),
    partition("vda", 4, "EPHEMERAL"),
    partition("vda", 5, "u-here"),
    partition("vdb", 1, "u-data", "xfs"),
    partition("vdb", 2, "s-swap", "swap"),
    partition("vdb", 3, "home"),
    partition("vdb", 4, "STATE"),
    partition("vdc", 1, "backup"),
]


def plan(**fields: Any) -> WipePlan:
    return plan_reset(ResetRequest(**fields), DISKS, VOLUMES)


def whole(found: WipePlan) -> set[str]:
    return {step.device for step in found.steps if isinstance(step, EraseAll)}


def ends(found: WipePlan) -> set[str]:
    return {step.device for step in found.steps if isinstance(step, EraseEnds)}


def entries(found: WipePlan) -> dict[str, set[str]]:
    return {step.disk: set(step.uuids) for step in found.steps if isinstance(step, DropEntries)}


def test_the_system_volumes_and_nothing_of_the_user() -> None:
    found = plan()
    assert ends(found) == {"/dev/vda3", "/dev/vda4"}
    assert whole(found) == {"/dev/vda2", "/dev/vda4"}, "an encrypted volume needs only its header erased"
    assert entries(found) == {"/dev/vda": {"vda3", "vda4"}}, "META keeps its place"


def test_one_system_volume() -> None:
    found = plan(system_volumes=("EPHEMERAL",))
    assert ends(found) == whole(found) == {"/dev/vda4"}
    assert entries(found) == {"/dev/vda": {"vda4"}}


def test_user_volumes_wherever_they_are() -> None:
    found = plan(mode=ResetMode.USER_DISKS)
    assert whole(found) == {"/dev/vda5", "/dev/vdb1", "/dev/vdb2"}
    assert entries(found) == {"/dev/vda": {"vda5"}, "/dev/vdb": {"vdb1", "vdb2"}}


@pytest.mark.parametrize("name", ["/dev/vdb", "vdb", "/dev/disk/by-id/virtio-b"])
def test_a_disk_that_is_named_goes_as_a_whole(name: str) -> None:
    found = plan(mode=ResetMode.USER_DISKS, user_disks=(name,))
    assert whole(found) == {"/dev/vdb"}
    assert ends(found) == {"/dev/vdb", "/dev/vdb1", "/dev/vdb2", "/dev/vdb3", "/dev/vdb4"}
    assert entries(found) == {}


def test_everything_is_both() -> None:
    assert whole(plan(mode=ResetMode.ALL)) == {"/dev/vda2", "/dev/vda4", "/dev/vda5", "/dev/vdb1", "/dev/vdb2"}
    found = plan(mode=ResetMode.ALL, user_disks=("/dev/vdc",), system_volumes=("EPHEMERAL",))
    assert whole(found) == {"/dev/vda4", "/dev/vdc"}


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"system_volumes": ("STAT",)}, "invalid_argument", "no such system volume: STAT"),
        ({"system_volumes": ("ROOT-A",)}, "invalid_argument", "no such system volume: ROOT-A"),
        ({"system_volumes": ("EPHEMERAL",), "then": AfterReset.MAINTENANCE}, "invalid_argument", "keeps its configuration"),
        ({"mode": ResetMode.USER_DISKS, "then": AfterReset.MAINTENANCE}, "invalid_argument", "keeps its configuration"),
        ({"mode": ResetMode.USER_DISKS, "system_volumes": ("STATE",)}, "invalid_argument", "the mode is user-disks"),
        ({"user_disks": ("/dev/vdb",)}, "invalid_argument", "the mode is system"),
        ({"mode": ResetMode.ALL, "user_disks": ("/dev/vdz",)}, "invalid_argument", "there is no disk /dev/vdz"),
        ({"mode": ResetMode.ALL, "user_disks": ("/dev/vda",)}, "invalid_argument", "is the system disk"),
        ({"mode": ResetMode.ALL, "user_disks": ("/dev/sr0",)}, "failed_precondition", "is read-only"),
    ],
)
def test_refusals(fields: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(OperationError, match=message) as caught:
        plan(**fields)
    assert caught.value.code == code
    assert caught.value.hint


def test_a_disk_that_is_not_there_lists_all() -> None:
    with pytest.raises(OperationError) as caught:
        plan(mode=ResetMode.ALL, user_disks=("/dev/vdz",))
    assert all(disk.path in caught.value.hint for disk in DISKS.values())


def test_nothing_to_destroy_is_said() -> None:
    with pytest.raises(OperationError, match="no system disk"):
        plan_reset(ResetRequest(), {}, [])
    with pytest.raises(OperationError, match="nothing of what shall be destroyed is there"):
        plan_reset(ResetRequest(), {"vda": DISKS["vda"]}, [])


def test_the_limit_follows_the_size_and_the_user() -> None:
    assert plan().limit == BASE_SECONDS + 6 * GB / 50e6
    assert plan_reset(ResetRequest(), DISKS, VOLUMES, patience=20).limit == 20 * plan().limit
    assert plan(limit=60.0).limit == 60.0
    big = {"vda": Disk(path="/dev/vda", size=10**14, system=True)}
    volume = DiscoveredVolume(path="/dev/vda4", size=10**14, parent="vda", partition_label="EPHEMERAL", partition_uuid="u")
    assert plan_reset(ResetRequest(), big, [volume]).limit == MAX_SECONDS
    assert plan_reset(ResetRequest(), big, [volume], patience=20).limit == LIMIT_MAX


def test_a_record_makes_it_strict_and_goes_last() -> None:
    found = plan_reset(ResetRequest(), DISKS, VOLUMES, record="/dev/vda2")
    assert found.strict
    assert found.ends_record(found.steps[-1])
    assert isinstance(found.steps[-1], EraseAll), "META is destroyed, and the record with it"
    kept = plan_reset(ResetRequest(system_volumes=("STATE",)), DISKS, VOLUMES, record="/dev/vda2")
    assert kept.steps[-1] == DropRecord("/dev/vda2")
    assert not plan().strict


def test_what_is_destroyed() -> None:
    assert destroys(ResetRequest(), "EPHEMERAL")
    assert not destroys(ResetRequest(mode=ResetMode.USER_DISKS), "EPHEMERAL")
    assert not destroys(ResetRequest(system_volumes=("STATE",)), "EPHEMERAL")
