"""Where the node runs, and that a configuration on the command line is not shown."""

import os
from pathlib import Path

from controllers.machine.platform import PlatformController, Release, hide_secrets, parse_release
from controllers.ports import Paths, Ports
from controllers.resources.machine import PlatformInfo, VersionInfo
from tests.harness.reconcile import run_reconcile


def test_platform_and_version(tmp_path: Path) -> None:
    (tmp_path / "proc/sys/kernel/random").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text("abc-def\n")
    (tmp_path / "proc/cmdline").write_text("quiet ophite.platform=qemu ophite.config=c2VjcmV0 panic=-1\n")
    (tmp_path / "usr/share/ophite").mkdir(parents=True)
    release = '{"version":"1.2","kubernetes":"v1.20.2","board":"pc","arch":"amd64","built":1700000000}'
    (tmp_path / "usr/share/ophite/release.json").write_text(release)
    ports = Ports(paths=Paths(tmp_path), cmdline={"ophite.platform": "qemu"}, patience=20.0)
    found = {one.id: one.spec for one in run_reconcile(PlatformController(ports))}
    line = "quiet ophite.platform=qemu ophite.config=[redacted] panic=-1"
    assert found["platform"] == PlatformInfo(platform="qemu", patience=20.0, boot_id="abc-def", command_line=line)
    version = found["version"]
    assert isinstance(version, VersionInfo)
    assert (version.version, version.arch, version.built) == ("1.2", "amd64", 1700000000)
    assert version.kernel == os.uname().release


def test_an_unknown_platform_is_metal_and_a_broken_release_is_unknown(tmp_path: Path) -> None:
    ports = Ports(paths=Paths(tmp_path), cmdline={"ophite.platform": "moon"})
    found = {one.id: one.spec for one in run_reconcile(PlatformController(ports))}
    platform, version = found["platform"], found["version"]
    assert isinstance(platform, PlatformInfo)
    assert isinstance(version, VersionInfo)
    assert platform.platform == "metal"
    assert version.version == "unknown"
    assert parse_release(b'{"built": "no number"}') == Release()


def test_flags_and_values_stay_as_they_are() -> None:
    assert hide_secrets("a b=c d= ophite.config=x") == "a b=c d= ophite.config=[redacted]"
