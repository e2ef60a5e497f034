"""Where volumes are looked for, and what is said when the answer is not one place."""

from typing import Any

import pytest

from controllers.block.volume_locate import Facts, Hold, explain_missing, find_blocker, find_hold, locate_disk, locate_existing
from controllers.resources.block import DiscoveredVolume, Disk, VolumeKind, VolumeMatch, VolumePhase, VolumeSpec, VolumeStatus
from controllers.resources.reset import ResetHold

USER = VolumeSpec(label="u-data", mount_point="/var/mnt/data", disks=("sda", "sdb"), problem="2 disks match")
READY = VolumeStatus(phase=VolumePhase.READY)
FAILED = VolumeStatus(phase=VolumePhase.FAILED)


def disks(*names: str, **fields: Any) -> dict[str, Disk]:
    return {name: Disk(path=f"/dev/{name}", size=1, **fields) for name in names}


def part(name: str, partition_label: str = "", **fields: Any) -> dict[str, DiscoveredVolume]:
    volume = DiscoveredVolume(path=f"/dev/{name}", size=1, parent=name[:3], partition_label=partition_label, **fields)
    return {name: volume}


def test_what_exists_is_found_by_its_label_whatever_else_matches() -> None:
    facts = Facts(disks=disks("sda", "sdb"), volumes=part("sdb1", "u-data"))
    found = locate_disk(USER, facts)
    assert isinstance(found, Disk)
    assert found.path == "/dev/sdb"


def test_a_disk_that_the_selector_does_not_mean_is_not_believed() -> None:
    facts = Facts(disks=disks("sda", "sdc"), volumes=part("sdc1", "u-data"), settled=True)
    only = VolumeSpec(label="u-data", disks=("sda",))
    found = locate_disk(only, facts)
    assert isinstance(found, Disk)
    assert found.path == "/dev/sda", "a stick with that name does not take the place of the disk"


def test_two_disks_with_the_volume_are_refused() -> None:
    facts = Facts(disks=disks("sda", "sdb"), volumes=part("sda1", "u-data") | part("sdb1", "u-data"), settled=True)
    assert locate_disk(USER, facts) == Hold(
        VolumePhase.FAILED, "several disks have a partition u-data: /dev/sda, /dev/sdb; detach or wipe all but one"
    )


def test_nothing_is_made_before_all_disks_have_been_looked_at() -> None:
    facts = Facts(disks=disks("sda"))
    one = VolumeSpec(label="u-data", disks=("sda",))
    assert locate_disk(one, facts) == Hold(VolumePhase.WAITING, "waits for the disks")
    assert isinstance(locate_disk(one, Facts(disks=disks("sda"), settled=True)), Disk)
    assert locate_disk(USER, Facts(disks=disks("sda", "sdb"), settled=True)) == Hold(VolumePhase.FAILED, "2 disks match")
    assert locate_disk(one, Facts(settled=True)) == Hold(VolumePhase.FAILED, "its disk is gone; attach it")


def test_the_system_disk() -> None:
    state = VolumeSpec(label="STATE", system=True)
    assert isinstance(locate_disk(state, Facts(disks=disks("sda", system=True))), Disk)
    assert locate_disk(state, Facts(disks=disks("sda"))) == Hold(VolumePhase.WAITING, "waits for the disks")
    found = locate_disk(state, Facts(disks=disks("sda", holds="ext4"), volumes=part("sda"), settled=True))
    assert found == Hold(VolumePhase.MISSING, "no usable disk: /dev/sda: holds ext4")


def test_every_disk_is_named_when_none_will_do() -> None:
    given = [
        Disk(path="/dev/sda", size=1, read_only=True),
        Disk(path="/dev/sdb", size=1, removable=True),
        Disk(path="/dev/sdc", size=1, holds="gpt: data"),
        Disk(path="/dev/sdd", size=1),
        Disk(path="/dev/sde", size=1),
        Disk(path="/dev/sdf", size=1),
    ]
    volumes = part("sdd", error="/dev/sdd: Input/output error") | part("sdc") | part("sdf")
    assert explain_missing(given, volumes) == (
        "no usable disk: /dev/sda: read-only; /dev/sdb: removable; /dev/sdc: holds gpt: data; "
        "/dev/sdd: /dev/sdd: Input/output error; /dev/sde: not looked at yet; /dev/sdf: not chosen"
    )
    assert explain_missing([], {}) == "no disk was found; attach one"


STATE, NO_RESET = VolumeSpec(label="STATE", mount_point="/state"), ResetHold()


def test_user_volumes_wait_for_what_they_are_mounted_in() -> None:
    hold = Hold(VolumePhase.WAITING, "waits for EPHEMERAL, where /var/mnt/data is")
    for done in ({}, {"EPHEMERAL": FAILED}):
        assert find_hold(USER, Facts(done=done, configured=True, reset=NO_RESET)) == hold
    assert find_hold(USER, Facts(done={"EPHEMERAL": READY}, configured=True, reset=NO_RESET)) is None
    raw = VolumeSpec(label="r-raw", kind=VolumeKind.RAW)
    assert find_hold(raw, Facts(configured=True, reset=NO_RESET)) is None
    assert find_hold(raw, Facts(reset=NO_RESET)) == Hold(VolumePhase.MISSING, "waits for a complete configuration")
    assert find_hold(STATE, Facts(reset=NO_RESET)) is None


def test_nothing_is_touched_before_meta_says_that_no_reset_is_unfinished() -> None:
    for spec in (STATE, USER):
        found = find_hold(spec, Facts(configured=True))
        assert found is not None
        assert found.phase is VolumePhase.WAITING


@pytest.mark.parametrize("stays", [True, False])
def test_an_unfinished_reset_holds_everything_but_a_state_that_stays(stays: bool) -> None:
    facts = Facts(configured=True, done={"EPHEMERAL": READY}, reset=ResetHold(held=True, state_stays=stays, reason="a reset"))
    held = Hold(VolumePhase.MISSING, "is left alone: a reset")
    labels = ("EPHEMERAL", "r-raw", "e-old")
    assert [find_hold(VolumeSpec(label=label), facts) for label in labels] == [held] * 3
    assert find_hold(STATE, facts) == (None if stays else held)


@pytest.mark.parametrize(
    ("label", "done", "blocker"),
    [
        ("STATE", {}, ""),
        ("EPHEMERAL", {}, "STATE"),
        ("EPHEMERAL", {"STATE": READY}, ""),
        ("r-raw", {"STATE": READY}, "EPHEMERAL"),
        ("r-raw", {"STATE": FAILED, "EPHEMERAL": READY}, "STATE"),
        ("r-raw", {"STATE": READY, "EPHEMERAL": READY}, ""),
    ],
)
def test_places_on_the_system_disk_are_given_in_order(label: str, done: dict[str, VolumeStatus], blocker: str) -> None:
    assert find_blocker(VolumeSpec(label=label), Facts(done=done)) == blocker


def existing(**match: str) -> VolumeSpec:
    return VolumeSpec(label="e-old", kind=VolumeKind.EXISTING, match=VolumeMatch(**match))


VOLUMES = {
    **part("sda1", "STATE", filesystem="ext4", label="STATE"),
    **part("sda2", "u-x", filesystem="ext4", label="same"),
    **part("sdb1", "backup", filesystem="xfs", label="same", uuid="AB-1"),
    **part("sdb2", "", filesystem="ext3", label="twice"),
    **part("sdb3", "", filesystem="vfat", label="twice"),
    **part("sdb4", "", filesystem="luks2", label="locked"),
    **part("sdb5", "", blank=True),
}


@pytest.mark.parametrize(
    "match", [{"label": "same"}, {"uuid": "ab-1"}, {"partition_label": "backup"}, {"label": "same", "uuid": "AB-1"}]
)
def test_existing_volumes(match: dict[str, str]) -> None:
    found = locate_existing(existing(**match), Facts(volumes=VOLUMES, settled=True))
    assert isinstance(found, DiscoveredVolume)
    assert found.path == "/dev/sdb1", "never one of the node's own volumes"


def test_existing_volumes_that_are_not_exactly_one() -> None:
    facts = Facts(volumes=VOLUMES, settled=True)
    there = (
        "/dev/sdb1 (xfs, label same, uuid AB-1, partition label backup); /dev/sdb2 (ext3, label twice); "
        "/dev/sdb3 (vfat, label twice)"
    )
    for match, text in (
        ({"label": "none"}, f"no file system matches; there are: {there}"),
        ({"label": "STATE"}, f"no file system matches; there are: {there}"),
        ({"label": "twice"}, f"2 file systems match; there are: {there}"),
        ({"label": "locked"}, "/dev/sdb4 holds LUKS2 encryption, which cannot be mounted; ext4, ext3, ext2, xfs, vfat can"),
    ):
        assert locate_existing(existing(**match), facts) == Hold(VolumePhase.FAILED, text)
    assert locate_existing(existing(label="none"), Facts(settled=True)) == Hold(
        VolumePhase.FAILED, "no file system matches; there are: none"
    )
    assert locate_existing(existing(label="none"), Facts()) == Hold(VolumePhase.WAITING, "waits for the disks")
