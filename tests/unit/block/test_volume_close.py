"""What is in use and wanted by nobody."""

import pytest

from controllers.block.kernel import InUse
from controllers.block.volume_close import find_orphans, kind_of, plan_close
from controllers.block.volume_steps import EncryptClose, Step, SwapOff, Unmount
from controllers.resources.block import DiscoveredVolume, VolumeKind

BELOW = "/var/mnt"
VOLUMES = {
    name: DiscoveredVolume(path=f"/dev/{name}", size=1, partition_label=label)
    for name, label in (("vdb1", "u-data"), ("vdb2", "s-one"), ("vdb3", "STATE"), ("vdb4", ""))
}


def test_only_volumes_of_users_can_be_orphans() -> None:
    in_use = [
        InUse("/dev/vda1", "/state"),
        InUse("/dev/vda2", "/var"),
        InUse("/dev/vdb1", "/var/mnt/data"),
        InUse("/dev/mapper/luks-u-safe", "/var/mnt/safe"),
        InUse("/dev/vdb4", "/var/mnt/old"),
        InUse("/dev/vdb4", "/var/mnt/old/below"),
        InUse("tmpfs", "/var/mntx"),
        InUse("/dev/vdb2"),
        InUse("/dev/vdb3"),
        InUse("/dev/zram0"),
    ]
    found = find_orphans({"e-other"}, in_use, VOLUMES, BELOW)
    assert {label: one.source for label, one in found.items()} == {
        "u-data": "/dev/vdb1",
        "u-safe": "/dev/mapper/luks-u-safe",
        "e-old": "/dev/vdb4",
        "s-one": "/dev/vdb2",
    }
    assert find_orphans(set(found), in_use, VOLUMES, BELOW) == {}


@pytest.mark.parametrize(
    ("used", "encrypted", "steps"),
    [
        (InUse("/dev/vdb1", "/var/mnt/data"), False, (Unmount("/var/mnt/data"),)),
        (InUse("/dev/vdb1", "/var/mnt/data", gone=True), False, (Unmount("/var/mnt/data", lazily=True),)),
        (InUse("/dev/mapper/x", "/var/mnt/data"), True, (Unmount("/var/mnt/data"), EncryptClose("u-data"))),
        (InUse("/dev/vdb2"), False, (SwapOff("/dev/vdb2"),)),
        (None, True, (EncryptClose("u-data"),)),
        (None, False, ()),
    ],
)
def test_steps(used: InUse | None, encrypted: bool, steps: tuple[Step, ...]) -> None:
    assert plan_close("u-data", used, encrypted) == steps
    assert all(step.describe() for step in steps)


def test_kinds() -> None:
    assert [kind_of(label) for label in ("u-a", "r-a", "s-a", "e-a")] == [
        VolumeKind.FILESYSTEM,
        VolumeKind.RAW,
        VolumeKind.SWAP,
        VolumeKind.EXISTING,
    ]
