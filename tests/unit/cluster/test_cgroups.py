"""Hierarchies are found in mountinfo, and a node gets one directory in each."""

from __future__ import annotations

from pathlib import Path

from image.cgroups import Cgroups, Hierarchy, parse_hierarchies

HYBRID = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
52 31 0:31 / /mnt/again rw,relatime - cgroup cgroup rw,cpuset
"""
UNIFIED = "30 23 0:26 / /sys/fs/cgroup\\040x rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_hybrid_host() -> None:
    assert parse_hierarchies(HYBRID) == (
        Hierarchy(Path("/sys/fs/cgroup/cpuset"), 1),
        Hierarchy(Path("/sys/fs/cgroup/systemd"), 1),
        Hierarchy(Path("/sys/fs/cgroup/unified"), 2),
    )


def test_unified_host_with_an_escaped_path() -> None:
    assert parse_hierarchies(UNIFIED) == (Hierarchy(Path("/sys/fs/cgroup x"), 2),)


def test_no_cgroups() -> None:
    assert parse_hierarchies("27 1 254:0 / / rw - ext4 /dev/vda rw\n") == ()


def test_a_cpuset_starts_with_the_parents_cpus(tmp_path: Path) -> None:
    cpuset = tmp_path / "cpuset"
    unified = tmp_path / "unified"
    for directory in (cpuset, unified):
        directory.mkdir()
    (cpuset / "cpuset.cpus").write_text("0-1\n")
    (cpuset / "cpuset.mems").write_text("0\n")
    (unified / "cgroup.controllers").write_text("cpu memory\n")
    Cgroups("node", (Hierarchy(cpuset, 1), Hierarchy(unified, 2))).make()
    assert (cpuset / "node/cpuset.cpus").read_text() == "0-1\n"
    assert (cpuset / "node/cpuset.mems").read_text() == "0\n"
    assert (unified / "node").is_dir()
    assert (unified / "cgroup.subtree_control").read_text() == "+memory"


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    Cgroups("node", (Hierarchy(tmp_path, 1),)).remove()


def test_nested_directories_are_removed(tmp_path: Path) -> None:
    (tmp_path / "node/kubepods/besteffort/pod1").mkdir(parents=True)
    Cgroups("node", (Hierarchy(tmp_path, 1),)).remove()
    assert list(tmp_path.iterdir()) == []
