"""Which kernel modules volumes need."""

from controllers.block.volume_modules import find_modules
from controllers.resources.block import DiscoveredVolume, VolumeKind, VolumeSpec

EPHEMERAL = VolumeSpec(label="EPHEMERAL")
XFS = VolumeSpec(label="u-data", filesystem="xfs")
STICK = DiscoveredVolume(path="/dev/sdb1", size=1, filesystem="vfat")


def test_only_what_is_asked_for() -> None:
    assert find_modules([EPHEMERAL], [STICK], "x86_64") == {"ext4": "volume EPHEMERAL"}
    assert set(find_modules([EPHEMERAL, XFS], [], "x86_64")) == {"ext4", "xfs"}
    raw = VolumeSpec(label="r-x", kind=VolumeKind.RAW, filesystem="")
    assert find_modules([raw], [STICK], "x86_64") == {}


def test_an_existing_volume_may_be_any_of_those_that_are_there() -> None:
    existing = VolumeSpec(label="e-old", kind=VolumeKind.EXISTING, filesystem="")
    assert set(find_modules([existing], [STICK], "x86_64")) == {"vfat"}


def test_encryption_comes_with_the_processors_cipher() -> None:
    locked = VolumeSpec(label="u-x", encrypted=True)
    assert set(find_modules([locked], [], "x86_64")) == {"ext4", "dm_crypt", "xts", "aesni_intel"}
    assert set(find_modules([locked], [], "aarch64")) == {"ext4", "dm_crypt", "xts", "aes_ce_blk"}
    assert set(find_modules([locked], [], "riscv64")) == {"ext4", "dm_crypt", "xts"}


def test_a_locked_state_is_enough_to_ask_for_it() -> None:
    state = DiscoveredVolume(path="/dev/vda6", size=1, filesystem="luks2", partition_label="STATE")
    foreign = DiscoveredVolume(path="/dev/vdb", size=1, filesystem="luks2")
    assert "dm_crypt" in find_modules([EPHEMERAL], [state], "x86_64")
    assert "dm_crypt" not in find_modules([EPHEMERAL], [foreign], "x86_64")
