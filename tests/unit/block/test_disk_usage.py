"""What a disk holds and who uses it."""

import pytest

from controllers.block.disk_usage import describe_content, find_users, is_volume
from controllers.resources.block import DiscoveredVolume, Disk

GPT = DiscoveredVolume(path="/dev/vda", size=1, filesystem="gpt")
DISK = Disk(path="/dev/vda", size=1)


def part(number: int, label: str = "", filesystem: str = "") -> tuple[str, DiscoveredVolume]:
    name = f"vda{number}"
    return name, DiscoveredVolume(path=f"/dev/{name}", size=1, parent="vda", partition_label=label, filesystem=filesystem)


@pytest.mark.parametrize(
    ("whole", "text"),
    [
        ({"blank": True}, ""),
        ({"filesystem": "lvm2"}, "lvm2"),
        ({}, "unknown data"),
        ({"error": "/dev/vda: Input/output error"}, "something that cannot be read"),
        ({"filesystem": "gpt", "error": "wrong checksum"}, "gpt: damaged"),
        ({"filesystem": "mbr"}, "mbr without partitions"),
    ],
)
def test_whole_disks(whole: dict[str, object], text: str) -> None:
    volume = DiscoveredVolume(path="/dev/vda", size=1, **whole)  # type: ignore[arg-type]  # fields by name
    assert describe_content("vda", {"vda": volume}) == text
    assert describe_content("vda", {}) == "", "not looked at yet"


def test_partitions_are_named_by_the_best_that_is_known() -> None:
    volumes = {"vda": GPT, **dict([part(1, "ESP", "vfat"), part(2, "", "ext4"), part(3)])}
    assert describe_content("vda", volumes) == "gpt: ESP, ext4, 3"
    volumes |= dict([part(4, "STATE"), part(5, "x"), part(6, "y")])
    assert describe_content("vda", volumes) == "gpt: ESP, ext4, 3, STATE and 2 more"


def test_users() -> None:
    volumes = {"vda": GPT, **dict([part(1, "ESP"), part(2, "STATE"), part(3, "u-data")]), "vdb": GPT}
    mounts = {"/dev/vda1": "/run/esp", "/dev/vda2": "/state", "/dev/vdb": "/mnt"}
    assert find_users(DISK, volumes, mounts, ["dm-0"], True) == ["system", "STATE", "u-data", "/run/esp", "dm-0"]
    assert find_users(DISK, {"vda": GPT}, {}, [], False) == []


def test_names_of_volumes() -> None:
    assert [name for name in ("STATE", "META", "u-x", "r-x", "s-x", "ESP", "ROOT-A", "state", "") if is_volume(name)] == [
        "STATE",
        "META",
        "u-x",
        "r-x",
        "s-x",
    ]
