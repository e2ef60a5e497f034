"""Control groups: one tree of names over cgroup v2, or over the hierarchies of v1 where a host still has them.

`Tree("/sys/fs/cgroup")` finds out which it is. Paths are relative, such as `ophite/etcd`. On v1, which only nodes in namespaces
meet, a group is a directory in every hierarchy, memory protection does not exist and is left out, and killing means signalling
every member until none is left. Trap: v2 allows processes only in leaves, so PID 1 itself sits in `ophite/init`.
"""

import os
import signal
from contextlib import suppress
from typing import NamedTuple

from init.linux.mount import MS_NODEV, MS_NOEXEC, MS_NOSUID, mount

KILL_ROUNDS = 50
CONTROLLERS = ("cpuset", "cpu", "io", "memory", "pids", "hugetlb")


class Limits(NamedTuple):
    """Memory in bytes, 0 = none; weight 1 to 10000, 0 = the kernel's 100 (Documentation/admin-guide/cgroup-v2.rst)."""

    memory_min: int = 0
    memory_low: int = 0
    memory_max: int = 0
    cpu_weight: int = 0


class Tree:
    """The groups below one mount point."""

    def __init__(self, root: str = "/sys/fs/cgroup") -> None:
        self.root = root
        self.unified = os.path.exists(f"{root}/cgroup.controllers")
        names = [] if self.unified or not os.path.isdir(root) else sorted(os.listdir(root))
        self.hierarchies = [root] if self.unified else [f"{root}/{name}" for name in names if os.path.isdir(f"{root}/{name}")]

    def make(self, path: str, limits: Limits | None = None) -> list[str]:
        """Create a group with its parents and set its limits; returns what the kernel refused, as texts."""
        problems: list[str] = []
        parts = path.split("/")
        for hierarchy in self.hierarchies:
            directory = hierarchy
            for part in parts:
                if self.unified:
                    self._enable(directory)
                directory = f"{directory}/{part}"
                with suppress(FileExistsError):
                    os.mkdir(directory)
                    if not self.unified:
                        _copy_cpuset(directory)
            problems += self._limit(directory, limits or Limits())
        return problems

    def join(self, path: str, pid: int = 0) -> None:
        """Move a process (0: the caller) into a group that exists."""
        for hierarchy in self.hierarchies:
            _write(f"{hierarchy}/{path}/cgroup.procs", str(pid))

    def members(self, path: str) -> set[int]:
        """The processes of a group and the groups below it; empty for one that is not there."""
        found: set[int] = set()
        for hierarchy in self.hierarchies:
            for directory, _, _ in os.walk(f"{hierarchy}/{path}"):
                with suppress(OSError), open(f"{directory}/cgroup.procs", encoding="ascii") as file:
                    found.update(int(line) for line in file)
        return found - {0}

    def kill(self, path: str) -> None:
        """SIGKILL everything in a group and below; new forks included (cgroup.kill, kernel 5.14)."""
        if self.unified:
            with suppress(OSError):
                _write(f"{self.root}/{path}/cgroup.kill", "1")
                return
        for _ in range(KILL_ROUNDS):
            members = self.members(path) - {os.getpid()}
            if not members:
                return
            for pid in members:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def remove(self, path: str) -> None:
        """Remove an empty group with the groups below it; one that is busy stays."""
        for hierarchy in self.hierarchies:
            for directory, _, _ in os.walk(f"{hierarchy}/{path}", topdown=False):
                with suppress(OSError):
                    os.rmdir(directory)

    def _limit(self, directory: str, limits: Limits) -> list[str]:
        values = [("memory.limit_in_bytes", limits.memory_max, "-1")]
        if self.unified:
            values = [("memory.max", limits.memory_max, "max"), ("memory.min", limits.memory_min, "0")]
            values += [("memory.low", limits.memory_low, "0"), ("cpu.weight", limits.cpu_weight, "100")]
        problems = []
        for name, value, none in values:
            file = f"{directory}/{name}"
            if os.path.exists(file):
                try:
                    _write(file, str(value) if value else none)
                except OSError as error:
                    problems.append(f"{file}: {error.strerror}")
        return problems

    def _enable(self, directory: str) -> None:
        with open(f"{directory}/cgroup.controllers", encoding="ascii") as file:
            available = file.read().split()
        for name in CONTROLLERS:
            if name in available:
                with suppress(OSError):  # a controller that this kernel keeps elsewhere degrades, its limits then report it
                    _write(f"{directory}/cgroup.subtree_control", f"+{name}")


def plan_hierarchies(proc_cgroup: str) -> list[tuple[str, str, str]]:
    """(directory, type, options) to mount at /sys/fs/cgroup so that it looks like the host's (cgroups(7)).

    A kernel that has just booted lists nothing: v2, which is then mounted alone, shows up only afterwards.
    """
    plan = []
    for line in proc_cgroup.splitlines():
        number, _, rest = line.partition(":")
        names = rest.partition(":")[0]
        if names:
            plan.append((names.removeprefix("name="), "cgroup", f"none,{names}" if names.startswith("name=") else names))
        elif number == "0":
            plan.append(("unified", "cgroup2", ""))
    if all(kind == "cgroup2" for _, kind, _ in plan):
        return [("", "cgroup2", "nsdelegate,memory_recursiveprot")]
    return [("", "tmpfs", "mode=755"), *plan]


def mount_hierarchies(root: str = "/sys/fs/cgroup") -> None:
    """Mount what this process' cgroup namespace has: v2 alone, or the v1 hierarchies of the host in one directory each."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        plan = plan_hierarchies(file.read(65536))
    for name, kind, options in plan:
        target = f"{root}/{name}".rstrip("/")
        os.makedirs(target, exist_ok=True)
        mount(kind, target, kind, MS_NOSUID | MS_NODEV | MS_NOEXEC, options)


def _copy_cpuset(directory: str) -> None:
    for name in ("cpuset.cpus", "cpuset.mems"):
        with suppress(OSError), open(f"{os.path.dirname(directory)}/{name}", encoding="ascii") as file:
            _write(f"{directory}/{name}", file.read().strip())


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
