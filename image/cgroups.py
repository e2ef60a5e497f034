"""The control groups of a node that runs in namespaces: one directory in each hierarchy of the host.

A host has one hierarchy (cgroup v2), or one per controller (v1), or both. The node's first process joins its directory in
all of them and then unshares the cgroup namespace, so that each looks like a root from inside. Traps: a v1 cpuset takes no
process until its cpus and mems are set; a directory is removed only when it has no process and no child left.
Source: the kernel's admin-guide/cgroup-v1 and cgroup-v2.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from image.errors import ImageError

REMOVE_SECONDS = 10.0
POLL = 0.05
CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")


@dataclass(frozen=True)
class Hierarchy:
    """One mounted hierarchy: where, and which version."""

    mount_point: Path
    version: int


def parse_hierarchies(mountinfo: str) -> tuple[Hierarchy, ...]:
    """The hierarchies in a text like /proc/self/mountinfo (proc(5)), each once."""
    found: dict[str, Hierarchy] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.partition(" ")
        if kind in ("cgroup", "cgroup2"):
            key = "unified" if kind == "cgroup2" else options.rpartition(" ")[2]
            path = re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), before.split()[4])
            found.setdefault(key, Hierarchy(Path(path), 2 if kind == "cgroup2" else 1))
    return tuple(found.values())


@dataclass(frozen=True)
class Cgroups:
    """A node's directory, by one name, in every hierarchy."""

    name: str
    hierarchies: tuple[Hierarchy, ...]

    @classmethod
    def find(cls, name: str) -> Cgroups:
        """Those of this host; raises `ImageError` when it has none."""
        hierarchies = parse_hierarchies(Path("/proc/self/mountinfo").read_text())
        if not hierarchies:
            raise ImageError("this host has no control groups mounted", "mount cgroup2 at /sys/fs/cgroup")
        return cls(name, hierarchies)

    @property
    def directories(self) -> tuple[Path, ...]:
        """The node's directory in each hierarchy."""
        return tuple(hierarchy.mount_point / self.name for hierarchy in self.hierarchies)

    def make(self) -> None:
        """Make the directories, ready to be joined."""
        for hierarchy in self.hierarchies:
            top = hierarchy.mount_point
            if hierarchy.version == 2:
                delegate(top)
            directory = top / self.name
            directory.mkdir(exist_ok=True)
            for file in CPUSET_FILES:
                if hierarchy.version == 1 and (top / file).exists():
                    (directory / file).write_text((top / file).read_text())

    def join(self, pid: int) -> None:
        """Move a process into all of them (0 is the caller)."""
        for directory in self.directories:
            (directory / "cgroup.procs").write_text(str(pid))

    def kill(self) -> None:
        """End every process that is in one of them, whatever its namespace."""
        deadline = time.monotonic() + REMOVE_SECONDS
        while pids := set(self.pids()):
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            if time.monotonic() > deadline:
                raise ImageError(f"processes of {self.name} do not end: {sorted(pids)}", "see /proc/PID/stack")
            time.sleep(POLL)

    def pids(self) -> Iterator[int]:
        """The processes below, as the host numbers them."""
        for directory in self.directories:
            for file in sorted(directory.rglob("cgroup.procs")):
                try:
                    yield from (int(line) for line in file.read_text().split() if int(line))
                except (FileNotFoundError, OSError):
                    continue

    def remove(self) -> None:
        """Kill what is left in them and remove the directories; it is no error when there are none."""
        self.kill()
        deadline = time.monotonic() + REMOVE_SECONDS
        for directory in self.directories:
            while directory.exists():
                for child in sorted(directory.rglob("*/"), reverse=True):
                    remove_directory(child)
                remove_directory(directory)
                if time.monotonic() > deadline:
                    raise ImageError(f"{directory}: cannot be removed", "a process may still be in it")
                if directory.exists():
                    time.sleep(POLL)


def remove_directory(path: Path) -> None:
    """Remove one cgroup; one that is busy or gone is left to the next try."""
    try:
        path.rmdir()
    except OSError:
        return


def delegate(top: Path) -> None:
    """Let the children of a v2 cgroup use every controller that it has; what cannot be had is left out."""
    for controller in (top / "cgroup.controllers").read_text().split():
        try:
            (top / "cgroup.subtree_control").write_text(f"+{controller}")
        except OSError:
            continue
