"""Reading mountinfo, mounting what is missing, and emptying the initramfs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from init.linux import mount
from init.linux.mount import Mount, MountLine, mount_missing, parse_mountinfo, remove_tree

TEXT = """\
22 1 254:3 / / ro,relatime shared:1 - erofs /dev/dm-0 ro
30 22 0:5 /sub/dir /mnt/a\\040b\\134c rw,nosuid master:1 propagate_from:2 - tmpfs none rw,size=1k
broken line
31 22 0:6 / /x rw
x 22 0:6 / /x rw - tmpfs t rw
"""


def test_lines_with_and_without_optional_fields_and_escapes() -> None:
    assert parse_mountinfo(TEXT) == [
        Mount(22, 1, "254:3", "/", "/", "ro,relatime", "erofs", "/dev/dm-0"),
        Mount(30, 22, "0:5", "/sub/dir", "/mnt/a b\\c", "rw,nosuid", "tmpfs", "none"),
    ]


@given(st.text(alphabet="1 -/\\x\n:", max_size=80))
def test_hostile_text(text: str) -> None:
    assert len(parse_mountinfo(text)) <= text.count("\n") + 1


def test_the_initramfs_is_removed_but_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/x").touch()
    (tmp_path / "link").symlink_to("/")
    remove_tree(str(tmp_path), tmp_path.stat().st_dev + 1)
    assert (tmp_path / "usr/lib/x").exists()
    (tmp_path / "ophite").mkdir()
    (tmp_path / "ophite/manifest.json").touch()
    remove_tree(str(tmp_path), tmp_path.stat().st_dev, str(tmp_path / "ophite"))
    assert list(tmp_path.rglob("*")) == [tmp_path / "ophite", tmp_path / "ophite/manifest.json"]
    remove_tree(str(tmp_path), tmp_path.stat().st_dev)
    assert list(tmp_path.iterdir()) == []


def test_only_what_is_missing_is_mounted_and_failures_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def fail(source: str, target: str, fstype: str, flags: int, options: str) -> None:
        tried.append(target.removeprefix(str(tmp_path)))
        if source == "mqueue":
            raise OSError(19, "no such device")

    monkeypatch.setattr(mount, "mount", fail)
    monkeypatch.setattr(mount, "read_mounts", lambda: [Mount(1, 1, "", "/", f"{tmp_path}/proc", "", "proc", "proc")])
    lines = (
        MountLine("proc", f"{tmp_path}/proc"),
        MountLine("tmpfs", f"{tmp_path}/run"),
        MountLine("mqueue", f"{tmp_path}/dev/mqueue"),
        MountLine("bpf", f"{tmp_path}/bpf", optional=True),
    )
    assert mount_missing(lines) == ["no such device"]
    assert tried == ["/run", "/dev/mqueue"]
    assert (tmp_path / "dev/mqueue").is_dir()
