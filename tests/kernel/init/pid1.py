"""PID 1 of a test's namespaces: what the provisioner does, then the real stage 2 with sleepers as `controllers` and `api`."""

import sys

sys.path.insert(0, sys.argv[1])

from init import boot
from init.linux.cmdline import read_cmdline
from init.linux.kmsg import open_log
from init.linux.mount import MNT_DETACH, MS_BIND, mount, umount
from init.services import ServiceSpec

SLEEP = ("/bin/sleep", "1000000")
OWN = {
    "controllers": ServiceSpec("controllers", SLEEP, cgroup="ophite/controllers", oom_score_adj=100),
    "api": ServiceSpec("api", SLEEP, uid=50, gid=50, cgroup="ophite/api", capabilities=(), no_new_privs=True),
}

if __name__ == "__main__":
    umount("/sys/fs/cgroup", MNT_DETACH)
    mount(sys.argv[2], "/proc/cmdline", flags=MS_BIND)
    boot.run(open_log(plain=True), read_cmdline(), own=OWN)
