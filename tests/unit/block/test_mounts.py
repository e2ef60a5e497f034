"""Mounts as resources."""

from pathlib import Path

from controllers.block.mounts import MountsController, list_mounts
from controllers.ports import Paths, Ports
from controllers.resources.block import MountStatus
from tests.harness.reconcile import run_reconcile

TEXT = """\
22 1 254:1 / / ro,relatime shared:1 - erofs /dev/dm-0 ro
30 22 254:6 / /state rw,nosuid - ext4 /dev/vda6 rw
31 22 254:7 / /var rw - ext4 /dev/vda7 rw
32 22 254:7 / /var rw,nodev - ext4 /dev/vda8 rw
40 31 0:50 / /var/lib/kubelet/pods/x rw - tmpfs tmpfs rw
41 31 0:50 / /run/a\\040b rw - tmpfs tmpfs rw
"""


def test_the_topmost_mount_of_each_target_counts_and_pods_do_not() -> None:
    found = list_mounts(TEXT)
    assert set(found) == {"/", "/state", "/var", "/run/a b"}
    assert found["/var"] == MountStatus(source="/dev/vda8", target="/var", filesystem="ext4", options="rw,nodev")


def test_the_controller_reads_mountinfo(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_bytes(TEXT.encode() + b"99 1 0:1 / /bad\xff rw - tmpfs t rw\n")
    found = {one.id for one in run_reconcile(MountsController(Ports(paths=Paths(tmp_path))))}
    assert "/state" in found
    assert len(found) == 5
