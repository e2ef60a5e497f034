"""What a node in namespaces could leave on its host: mounts, links, cgroups, loop devices and processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from image.cgroups import parse_hierarchies
from image.node_network import CANDIDATES, NodeNetwork, find_links


@dataclass(frozen=True)
class Leftovers:
    """A picture of one node on the host, to be compared with one taken later. Other nodes may come and go meanwhile."""

    mounts: frozenset[str]
    links: frozenset[str]
    cgroups: frozenset[str]
    loops: frozenset[str]
    processes: frozenset[str]

    @classmethod
    def take(cls, name: str, directory: Path) -> Leftovers:
        """The host now, as far as it belongs to the node of cluster `name`, whose files are in `directory`."""
        own = NodeNetwork(name, CANDIDATES[0]).bridge
        mountinfo = Path("/proc/self/mountinfo").read_text()
        backing = Path("/sys/block").glob("loop*/loop/backing_file")
        tops = (hierarchy.mount_point for hierarchy in parse_hierarchies(mountinfo))
        return cls(
            mounts=frozenset(line.split()[4] for line in mountinfo.splitlines()),
            links=frozenset(link for link in find_links() if link.startswith(own)),
            cgroups=frozenset(str(path) for top in tops for path in top.rglob(f"{own}*")),
            loops=frozenset(text for path in backing if str(directory) in (text := read(path))),
            processes=frozenset(find_processes(str(directory), own)),
        )


def find_processes(directory: str, cgroup: str) -> list[str]:
    """`PID command` of every process that names the directory or is in a cgroup of that name, without this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        command = read(path).replace("\0", " ")
        ended = not command  # a zombie that the host's init has not reaped yet
        if not ended and "pytest" not in command and (directory in command or f"/{cgroup}" in read(path.with_name("cgroup"))):
            found.append(f"{path.parent.name} {command}")
    return found


def read(path: Path) -> str:
    """A file's text, or nothing when it vanished meanwhile."""
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
