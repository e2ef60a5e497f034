"""Control groups over plain directories that look like both versions."""

from pathlib import Path

import pytest

from init.linux.cgroup import Limits, Tree, plan_hierarchies

HYBRID = "5:devices:/\n4:memory:/x\n2:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n"


def make_v2(root: Path, *names: str) -> Tree:
    for directory in (root, *(root / name for name in names)):
        directory.mkdir(exist_ok=True)
        (directory / "cgroup.controllers").write_text("cpu memory\n")
        for file in ("cgroup.subtree_control", "cgroup.procs", "memory.max", "memory.min", "memory.low", "cpu.weight"):
            (directory / file).write_text("")
    return Tree(str(root))


def test_v2_limits_are_written_and_none_takes_the_kernels_word(tmp_path: Path) -> None:
    tree = make_v2(tmp_path, "ophite", "ophite/etcd")
    assert tree.unified
    assert tree.make("ophite/etcd", Limits(memory_min=1, memory_max=3, cpu_weight=200)) == []
    values = {
        name: (tmp_path / "ophite/etcd" / name).read_text() for name in ("memory.min", "memory.low", "memory.max", "cpu.weight")
    }
    assert values == {"memory.min": "1", "memory.low": "0", "memory.max": "3", "cpu.weight": "200"}
    assert (tmp_path / "ophite/cgroup.subtree_control").read_text() == "+memory"
    tree.join("ophite/etcd", 7)
    assert (tmp_path / "ophite/etcd/cgroup.procs").read_text() == "7"


def test_a_limit_that_the_kernel_refuses_is_reported(tmp_path: Path) -> None:
    tree = make_v2(tmp_path, "a")
    (tmp_path / "a/memory.max").unlink()
    (tmp_path / "a/memory.max").mkdir()
    assert tree.make("a", Limits(memory_max=1)) == [f"{tmp_path}/a/memory.max: Is a directory"]


def test_v1_makes_a_directory_in_every_hierarchy(tmp_path: Path) -> None:
    for name in ("memory", "pids", "cpuset"):
        (tmp_path / name).mkdir()
    (tmp_path / "cpuset/cpuset.cpus").write_text("0-1\n")
    tree = Tree(str(tmp_path))
    assert not tree.unified
    tree.make("ophite/etcd")
    assert all((tmp_path / name / "ophite/etcd").is_dir() for name in ("memory", "pids", "cpuset"))
    assert (tmp_path / "cpuset/ophite/cpuset.cpus").read_text() == "0-1"
    (tmp_path / "pids/ophite/etcd/cgroup.procs").write_text("5\n6\n")
    assert tree.members("ophite") == {5, 6}
    (tmp_path / "cpuset/ophite/cpuset.cpus").unlink()
    (tmp_path / "cpuset/ophite/etcd/cpuset.cpus").unlink()
    tree.remove("ophite")
    assert not (tmp_path / "memory/ophite").exists()
    assert (tmp_path / "pids/ophite").exists()  # it is busy


def test_the_layout_of_the_host() -> None:
    assert plan_hierarchies(HYBRID) == [
        ("", "tmpfs", "mode=755"),
        ("devices", "cgroup", "devices"),
        ("memory", "cgroup", "memory"),
        ("cpu,cpuacct", "cgroup", "cpu,cpuacct"),
        ("systemd", "cgroup", "none,name=systemd"),
        ("unified", "cgroup2", ""),
    ]


@pytest.mark.parametrize("text", ["0::/x\n", ""])
def test_version_two_is_mounted_alone_also_on_a_kernel_that_has_just_booted(text: str) -> None:
    assert plan_hierarchies(text) == [("", "cgroup2", "nsdelegate,memory_recursiveprot")]


def test_no_control_groups_at_all(tmp_path: Path) -> None:
    tree = Tree(str(tmp_path / "none"))
    assert tree.make("a") == []
    assert tree.members("a") == set()
    tree.kill("a")
