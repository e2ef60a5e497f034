"""What is in use, and as which volume it is shown."""

from controllers.block.kernel import InUse
from controllers.block.volume_locate import Hold
from controllers.block.volume_status import find_new, find_place, find_used, held_status, used_status
from controllers.resources.block import DiscoveredVolume, VolumeKind, VolumePhase, VolumeSpec

USER = VolumeSpec(label="u-data", mount_point="/var/mnt/data")
SWAP = VolumeSpec(label="s-one", kind=VolumeKind.SWAP)
RAW = VolumeSpec(label="r-raw", kind=VolumeKind.RAW)
PLACES = {
    name: DiscoveredVolume(path=f"/dev/{name}", size=1, parent="vdb", partition_label=label)
    for name, label in (("vdb1", "u-data"), ("vdb2", "s-one"))
}
MOUNTED, SWAPPED = InUse("/dev/vdb1", "/var/mnt/data", 7), InUse("/dev/vdb2", size=9)


def test_what_is_in_use_is_found_by_place() -> None:
    in_use = [MOUNTED, SWAPPED, InUse("/dev/zram0")]
    assert find_used(USER, in_use, PLACES) is MOUNTED
    assert find_used(SWAP, in_use, PLACES) is SWAPPED
    assert find_used(SWAP, in_use, {}) is None
    assert find_used(RAW, in_use, PLACES) is None
    assert find_new(SWAP, in_use, "/dev/vdb2") is SWAPPED
    assert find_new(SWAP, in_use, "/dev/vdb1") is None
    assert find_new(USER, in_use, "") is MOUNTED


def test_the_partition_behind_a_mapping_is_found_by_label() -> None:
    opened = InUse("/dev/mapper/luks-u-data", "/var/mnt/data")
    assert find_place(USER, MOUNTED, PLACES) is PLACES["vdb1"]
    assert find_place(USER, opened, PLACES) is PLACES["vdb1"]
    assert find_place(USER, opened, {}) is None
    assert used_status(USER, opened, "vdb").encrypted


def test_statuses() -> None:
    ready = used_status(USER, MOUNTED, "vdb", "a remark")
    assert (ready.phase, ready.device, ready.disk, ready.size, ready.mounted) == (
        VolumePhase.READY,
        "/dev/vdb1",
        "vdb",
        7,
        True,
    )
    assert (ready.encrypted, ready.error) == (False, "a remark")
    assert not used_status(SWAP, SWAPPED, "vdb").mounted
    held = held_status(USER, Hold(VolumePhase.WAITING, "why"), "/dev/vdb1")
    assert (held.phase, held.error, held.device, held.mounted) == (VolumePhase.WAITING, "why", "/dev/vdb1", False)
