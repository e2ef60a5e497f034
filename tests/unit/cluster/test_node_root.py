"""The mounts of a node in namespaces, as a plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.node_root import READ_ONLY, SHADOWED, NodeRoot, plan_mounts, write_scratch


@pytest.fixture
def spec(tmp_path: Path) -> NodeRoot:
    return NodeRoot(
        "/i/root.erofs", "/n/root", "/n/var", "/n/state", str(tmp_path / "scratch"), ("/cg/a",), "ophite.platform=namespaces"
    )


def test_it_survives_being_written_down(spec: NodeRoot) -> None:
    assert NodeRoot.parse(spec.render()) == spec


def test_the_root_is_mounted_first_and_read_only(spec: NodeRoot) -> None:
    assert plan_mounts(spec)[0] == ("mount", "-t", "erofs", "-o", "ro,nodev", "/i/root.erofs", "/n/root")


def test_settings_of_the_host_cannot_be_written(spec: NodeRoot, tmp_path: Path) -> None:
    for name in SHADOWED:
        path = tmp_path / "proc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "proc/sys/fs").mkdir()
    (tmp_path / "proc/sysrq-trigger").touch()
    plan = plan_mounts(spec, tmp_path / "proc")
    for name in READ_ONLY:
        assert ("mount", "-o", "remount,bind,ro", f"/n/root/proc/{name}") in plan
    last = plan.index(("mount", "-o", "remount,bind,ro", "/n/root/proc/sys/kernel"))
    assert plan.index(("mount", "--bind", f"{spec.scratch}/sys/kernel/panic", "/n/root/proc/sys/kernel/panic")) > last


def test_what_the_kernel_lacks_is_left_alone(spec: NodeRoot, tmp_path: Path) -> None:
    words = " ".join(word for command in plan_mounts(spec, tmp_path) for word in command)
    assert "/proc/sys/" not in words
    assert "/proc/cmdline" in words


def test_writable_places_are_nosuid_and_nodev(spec: NodeRoot) -> None:
    plan = plan_mounts(spec)
    assert ("mount", "-o", "remount,bind,nosuid,nodev", "/n/root/var") in plan
    assert ("mount", "-o", "remount,bind,nosuid,nodev,noexec", "/n/root/state") in plan


def test_scratch_files(spec: NodeRoot) -> None:
    write_scratch(spec)
    assert (Path(spec.scratch) / "cmdline").read_text() == "ophite.platform=namespaces\n"
    assert (Path(spec.scratch) / "sys/kernel/panic").read_text() == "10\n"
