"""PID 1 of a test's namespaces: what the provisioner does, then the real stage 2 with sleepers as `controllers` and `api`.

A file /run/ophite/break makes the next turn of its event loop raise what no callback may.
"""

import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from init import __main__, boot, emergency
from init.events import EventLoop
from init.linux.mount import MNT_DETACH, MS_BIND, mount, umount
from init.services import ServiceSpec

SLEEP = ("/bin/sleep", "1000000")
OWN = {
    "controllers": ServiceSpec("controllers", SLEEP, cgroup="ophite/controllers", oom_score_adj=100),
    "api": ServiceSpec("api", SLEEP, uid=50, gid=50, cgroup="ophite/api", capabilities=(), no_new_privs=True),
}


class FragileLoop(EventLoop):
    """Breaks when it is told to."""

    def turn(self, longest: float) -> None:
        if Path("/run/ophite/break").exists():
            raise MemoryError("a test broke it")
        super().turn(longest)


if __name__ == "__main__":
    umount("/sys/fs/cgroup", MNT_DETACH)
    mount(sys.argv[2], "/proc/cmdline", flags=MS_BIND)
    vars(boot)["EventLoop"], boot.run.__defaults__ = FragileLoop, (None, OWN)
    emergency.REBOOT_AFTER = 5
    __main__.main()
