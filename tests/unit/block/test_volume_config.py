"""Documents of volumes and what they wish for."""

from typing import Any

from controllers.block.volume_config import LINUX_SWAP, VolumeConfigController
from controllers.block.volume_steps import MIB
from controllers.config.documents.disk_selector import DiskMatch, DiskSelector
from controllers.config.documents.encryption import Encryption, EncryptionKey, NodeIDKey
from controllers.config.documents.existing_volume_config import ExistingMatch, ExistingVolumeConfig
from controllers.config.documents.raw_volume_config import RawVolumeConfig
from controllers.config.documents.swap_volume_config import SwapVolumeConfig
from controllers.config.documents.user_volume_config import UserVolumeConfig
from controllers.config.documents.volume_config import VolumeConfig
from controllers.ports import Ports
from controllers.resources.block import Disk, VolumeKind, VolumeMatch, VolumeSpec
from controllers.runtime.resource import new
from tests.harness.reconcile import run_reconcile

GIB = 1024 * MIB
SDA = Disk(path="/dev/sda", size=100 * GIB, serial="a")
SDB = Disk(path="/dev/sdb", size=100 * GIB, serial="b")
KEYS = Encryption(keys=(EncryptionKey(slot=0, node_id=NodeIDKey()),))


def wish(*documents: Any, disks: tuple[Disk, ...] = (SDA, SDB)) -> dict[str, VolumeSpec]:
    given = [new(one.name, one) for one in documents] + [new(one.path[5:], one) for one in disks]
    return {
        one.id: one.spec for one in run_reconcile(VolumeConfigController(Ports()), given) if isinstance(one.spec, VolumeSpec)
    }


def one_of(serial: str) -> DiskSelector:
    return DiskSelector(match=DiskMatch(serial=serial))


def test_without_documents_there_are_the_two_of_the_system() -> None:
    found = wish()
    assert set(found) == {"STATE", "EPHEMERAL"}
    state, ephemeral = found["STATE"], found["EPHEMERAL"]
    assert (state.min_size, state.max_size, state.mount_point, state.executable) == (64 * MIB, 64 * MIB, "/state", False)
    assert (ephemeral.min_size, ephemeral.max_size, ephemeral.mount_point, ephemeral.executable) == (GIB, 0, "/var", True)
    assert all(one.system and one.grow and not one.encrypted for one in found.values())


def test_sizes_come_from_the_document() -> None:
    assert wish(VolumeConfig(name="EPHEMERAL", min_size="2GiB", max_size="3GiB"))["EPHEMERAL"].max_size == 3 * GIB
    small = wish(VolumeConfig(name="EPHEMERAL", max_size="500MiB"))["EPHEMERAL"]
    assert (small.min_size, small.max_size) == (500 * MIB, 500 * MIB), "a small maximum does not contradict the default"
    share = wish(VolumeConfig(name="EPHEMERAL", max_size="80%"), VolumeConfig(name="STATE", max_size="1%"))
    assert (share["EPHEMERAL"].max_size, share["EPHEMERAL"].max_percent) == (0, 80)
    assert (share["STATE"].max_size, share["STATE"].max_percent) == (0, 1)
    large = wish(VolumeConfig(name="STATE", min_size="100MiB", encryption=KEYS))["STATE"]
    assert (large.min_size, large.max_size, large.encrypted) == (100 * MIB, 100 * MIB, True)


def test_a_user_volume() -> None:
    document = UserVolumeConfig(name="data", disk=one_of("b"), filesystem="xfs", max_size="50%", grow=True, encryption=KEYS)
    found = wish(document)["u-data"]
    assert (found.mount_point, found.filesystem, found.disks, found.problem) == ("/var/mnt/data", "xfs", ("sdb",), "")
    assert (found.min_size, found.max_percent, found.grow, found.encrypted, found.executable) == (
        316 * MIB,
        50,
        True,
        True,
        True,
    )


def test_a_selector_that_is_not_one_disk_says_so() -> None:
    found = wish(UserVolumeConfig(name="a", disk=one_of("*")), UserVolumeConfig(name="b", disk=one_of("none")))
    assert found["u-a"].disks == ("sda", "sdb")
    assert found["u-a"].problem.startswith("2 disks match `serial: *`")
    assert found["u-b"].disks == ()
    assert found["u-b"].problem.startswith("no disk matches `serial: none`")


def test_raw_swap_and_existing() -> None:
    found = wish(
        RawVolumeConfig(name="ceph", disk=one_of("a"), min_size="1GiB"),
        SwapVolumeConfig(name="one", disk=one_of("a"), max_size="2GiB", priority=7),
        ExistingVolumeConfig(name="old", match=ExistingMatch(label="x"), read_only=True),
    )
    raw, swap, existing = found["r-ceph"], found["s-one"], found["e-old"]
    assert (raw.kind, raw.mount_point, raw.filesystem, raw.min_size, raw.grow) == (VolumeKind.RAW, "", "", GIB, False)
    assert (swap.kind, swap.filesystem, swap.priority, swap.partition_type) == (VolumeKind.SWAP, "swap", 7, LINUX_SWAP)
    assert (existing.kind, existing.match, existing.read_only) == (VolumeKind.EXISTING, VolumeMatch(label="x"), True)
    assert existing.mount_point == "/var/mnt/old"
