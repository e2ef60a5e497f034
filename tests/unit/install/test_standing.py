"""What stands on a disk, by device numbers."""

import os
from pathlib import Path

from controllers.install.standing import Standing, find_standing
from init.linux.mount import Mount


def mount(source: str, target: str) -> Mount:
    return Mount(1, 1, "0:1", "/", target, "rw", "ext4", source)


def test_partitions_of_the_disk_and_of_no_other() -> None:
    mounts = [mount("/dev/sda6", "/state"), mount("/dev/sdaa6", "/x"), mount("/dev/sda", "/y"), mount("tmpfs", "/run")]
    assert find_standing("/dev/sda", mounts) == [Standing("/state", "/dev/sda6")]
    nvme = [mount("/dev/nvme0n1p6", "/state"), mount("/dev/nvme0n10p6", "/x")]
    assert find_standing("/dev/nvme0n1", nvme) == [Standing("/state", "/dev/nvme0n1p6")]


def test_the_last_mount_comes_first() -> None:
    mounts = [mount("/dev/sda6", "/state"), mount("/dev/sda7", "/var")]
    assert [one.target for one in find_standing("/dev/sda", mounts)] == ["/var", "/state"]


def test_a_mapping_is_looked_through(tmp_path: Path) -> None:
    number = Path("/dev/null").stat().st_rdev
    entry = tmp_path / f"dev/block/{os.major(number)}:{os.minor(number)}"
    (entry / "dm").mkdir(parents=True)
    (entry / "dm/name").write_text("luks-STATE\n")
    (entry / "slaves/sda6").mkdir(parents=True)
    found = find_standing("/dev/sda", [mount("/dev/null", "/state")], tmp_path)
    assert found == [Standing("/state", "/dev/sda6", "luks-STATE")]
