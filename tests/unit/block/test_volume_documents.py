"""What documents of volumes may say, and how a mistake is told: with its path and the way out."""

import pytest

from controllers.config.documents.volume_size import Limit, parse_limit
from controllers.config.loader import load
from controllers.config.validation import find_conflicts

DISK = "disk: {match: {serial: x}}"


def problems(kind: str, *lines: str) -> list[str]:
    text = "\n".join([f"apiVersion: ophite/v1\nkind: {kind}", *lines])
    return [str(one) for one in load(text).problems]


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("", Limit()),
        ("10GiB", Limit(size=10 * 2**30)),
        ("80%", Limit(percent=80)),
        ("1 %", Limit(percent=1)),
        ("7", Limit(size=7)),
    ],
)
def test_limits(text: str, limit: Limit) -> None:
    assert parse_limit(text) == limit


@pytest.mark.parametrize("text", ["0%", "101%", "999%", "%", "1.5%", "-1%", "80 percent", "much"])
def test_limits_that_make_no_sense(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        parse_limit(text)


@pytest.mark.parametrize(
    ("kind", "lines", "problem"),
    [
        ("VolumeConfig", ["name: META"], "VolumeConfig[META].name: no such volume (one of EPHEMERAL, STATE)"),
        (
            "VolumeConfig",
            ["name: STATE", "maxSize: 10MiB"],
            "VolumeConfig[STATE].maxSize: 10 MiB is too small (at least 48MiB)",
        ),
        (
            "VolumeConfig",
            ["name: EPHEMERAL", "minSize: 3GiB", "maxSize: 2GiB"],
            "VolumeConfig[EPHEMERAL].maxSize: smaller than `minSize` (swap them)",
        ),
        ("VolumeConfig", ["name: EPHEMERAL", "minSize: 10%"], "VolumeConfig[EPHEMERAL].minSize: '10%' is no size"),
        ("VolumeConfig", ["name: EPHEMERAL", "maxSize: 120%"], "VolumeConfig[EPHEMERAL].maxSize: '120%' is no share of a disk"),
        (
            "VolumeConfig",
            ["name: STATE", "encryption: {keys: [{slot: 0, static: {passphrase: long enough for it}}]}"],
            "VolumeConfig[STATE].encryption.keys: no key opens the volume before it is read",
        ),
        ("UserVolumeConfig", ["name: a/b", DISK], "UserVolumeConfig[a/b].name: 'a/b' is no valid name"),
        ("UserVolumeConfig", [f"name: {'x' * 40}", DISK], f"UserVolumeConfig[{'x' * 40}].name: 40 characters, the limit is 32"),
        ("UserVolumeConfig", ["name: a"], "UserVolumeConfig[a].disk: missing"),
        ("UserVolumeConfig", ["name: a", "disk: {}"], "UserVolumeConfig[a].disk.match: says nothing about the disk"),
        (
            "UserVolumeConfig",
            ["name: a", 'disk: {match: {size: "about 1GB"}}'],
            "UserVolumeConfig[a].disk.match.size: 'about 1GB' is no size",
        ),
        (
            "UserVolumeConfig",
            ["name: a", "disk: {match: {rotational: maybe}}"],
            "UserVolumeConfig[a].disk.match.rotational: expected",
        ),
        ("UserVolumeConfig", ["name: a", DISK, "filesystem: ntfs"], "(one of ext4, xfs)"),
        (
            "UserVolumeConfig",
            ["name: a", DISK, "filesystem: xfs", "maxSize: 100MiB"],
            "UserVolumeConfig[a].maxSize: 100 MiB is too small (at least 300MiB)",
        ),
        (
            "RawVolumeConfig",
            ["name: a", DISK, "maxSize: 1KiB"],
            "RawVolumeConfig[a].maxSize: 0 MiB is too small (at least 1MiB)",
        ),
        ("SwapVolumeConfig", ["name: a", DISK], "SwapVolumeConfig[a].maxSize: missing"),
        (
            "SwapVolumeConfig",
            ["name: a", DISK, 'maxSize: ""'],
            "SwapVolumeConfig[a].maxSize: empty (say how much, such as `8GiB`)",
        ),
        ("SwapVolumeConfig", ["name: a", DISK, "maxSize: 1GiB", "priority: 40000"], "SwapVolumeConfig[a].priority: "),
        ("ExistingVolumeConfig", ["name: a", "match: {}"], "ExistingVolumeConfig[a].match: says nothing about the file system"),
        (
            "ExistingVolumeConfig",
            ["name: a", f"match: {{partitionLabel: {'x' * 200}}}"],
            "ExistingVolumeConfig[a].match.partitionLabel: is no name",
        ),
    ],
)
def test_mistakes(kind: str, lines: list[str], problem: str) -> None:
    found = problems(kind, *lines)
    assert any(problem in one for one in found), found


def test_one_directory_belongs_to_one_volume() -> None:
    text = (
        f"apiVersion: ophite/v1\nkind: UserVolumeConfig\nname: data\n{DISK}\n---\n"
        "apiVersion: ophite/v1\nkind: ExistingVolumeConfig\nname: data\nmatch: {label: x}\n"
    )
    [problem] = find_conflicts(load(text).documents)
    assert str(problem) == (
        "ExistingVolumeConfig[data].name: /var/mnt/data is the directory of UserVolumeConfig[data] too "
        "(give one of them another name)"
    )
