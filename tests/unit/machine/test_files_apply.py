"""Files: written whole, with mode and owner, only where allowed, and removed with their spec."""

import hashlib
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from controllers.machine.files_apply import FilesApplyController, find_problem
from controllers.ports import Paths, Ports
from controllers.resources.block import VolumePhase, VolumeStatus
from controllers.resources.machine import FileSpec, FileStatus
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile

READY = new("EPHEMERAL", VolumeStatus(phase=VolumePhase.READY))


def spec(path: str, content: str = "hello\n", mode: int = 0o640) -> FileSpec:
    return FileSpec(path=path, content=content, mode=mode, uid=os.geteuid(), gid=os.getegid())


def apply(
    root: Path, *specs: FileSpec, own: list[FileStatus] | None = None, more: list[Resource[Any]] | None = None
) -> dict[str, FileStatus]:
    controller = FilesApplyController(Ports(paths=Paths(root)))
    given = [*(more or []), *(new(one.path, one) for one in specs)]
    wanted = run_reconcile(controller, given, own=[new(one.path, one) for one in own or []])
    return {one.id: one.spec for one in wanted if isinstance(one.spec, FileStatus)}


def test_content_mode_parents_and_hash(tmp_path: Path) -> None:
    path = "/run/ophite/pki/etcd/ca.crt"
    old = os.umask(0o077)
    try:
        found = apply(tmp_path, spec(path))
    finally:
        os.umask(old)
    written = tmp_path / path.lstrip("/")
    assert written.read_text() == "hello\n"
    assert stat.S_IMODE(written.stat().st_mode) == 0o640
    assert stat.S_IMODE(written.parent.stat().st_mode) == 0o755, "services of other users pass through"
    assert found[path] == FileStatus(path=path, sha256=hashlib.sha256(b"hello\n").hexdigest())
    assert [one.name for one in written.parent.iterdir()] == ["ca.crt"]


def test_a_file_that_is_right_is_not_touched_and_one_that_is_not_is_replaced(tmp_path: Path) -> None:
    path = "/run/ophite/x"
    apply(tmp_path, spec(path))
    written = tmp_path / "run/ophite/x"
    first = written.stat().st_ino
    apply(tmp_path, spec(path))
    assert written.stat().st_ino == first
    apply(tmp_path, spec(path, mode=0o600))
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    written.write_text("other")
    apply(tmp_path, spec(path, mode=0o600))
    assert written.read_text() == "hello\n"


def test_a_file_goes_with_its_spec_and_only_then(tmp_path: Path) -> None:
    found = apply(tmp_path, spec("/run/ophite/a"), spec("/run/ophite/b"))
    (tmp_path / "run/ophite/former").write_text("of a former brain")
    apply(tmp_path, spec("/run/ophite/a"), own=list(found.values()))
    assert sorted(one.name for one in (tmp_path / "run/ophite").iterdir()) == ["a", "former"]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/run/ophite/../../etc/passwd",
        "/run/ophite",
        "/run/ophite/./a",
        "/run/ophite//a",
        "/state/config.yaml",
        "run/ophite/a",
        "/run/ophite/brain.sock",
        "/run/ophite/a\0b",
    ],
)
def test_elsewhere_nothing_is_written(tmp_path: Path, path: str) -> None:
    assert find_problem(path)
    assert apply(tmp_path, spec(path))[path].error == find_problem(path)
    assert list(tmp_path.rglob("*")) == []


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("keep me")
    (tmp_path / "run/ophite").mkdir(parents=True)
    (tmp_path / "run/ophite/x").symlink_to(victim)
    apply(tmp_path, spec("/run/ophite/x"))
    assert victim.read_text() == "keep me"
    assert (tmp_path / "run/ophite/x").read_text() == "hello\n"
    assert not (tmp_path / "run/ophite/x").is_symlink()


def test_below_var_nothing_is_written_before_it_is_mounted(tmp_path: Path) -> None:
    path = "/var/lib/kubelet/x"
    assert apply(tmp_path, spec(path))[path].error == "waits for the volume EPHEMERAL"
    assert not (tmp_path / "var").exists()
    assert apply(tmp_path, spec(path), more=[READY])[path].error == ""
    assert (tmp_path / "var/lib/kubelet/x").exists()


def test_one_failure_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "run/ophite").mkdir(parents=True)
    (tmp_path / "run/ophite/a").write_text("not a directory")
    found = apply(tmp_path, spec("/run/ophite/a/b"), spec("/run/ophite/c"))
    assert "Not a directory" in found["/run/ophite/a/b"].error
    assert found["/run/ophite/c"].error == ""
