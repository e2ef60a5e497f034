"""What a node in namespaces could leave on its host: mounts, links, cgroups, loop devices and processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from image.cgroups import parse_hierarchies
from image.node_network import find_links


@dataclass(frozen=True)
class Leftovers:
    """A picture of the host, to be compared with one taken later."""

    mounts: frozenset[str]
    links: frozenset[str]
    cgroups: frozenset[str]
    loops: frozenset[str]
    processes: frozenset[str]

    @classmethod
    def take(cls, directory: Path) -> Leftovers:
        """The host now; of processes, those whose command line names `directory` or a program of a node."""
        mountinfo = Path("/proc/self/mountinfo").read_text()
        backing = Path("/sys/block").glob("loop*/loop/backing_file")
        tops = (hierarchy.mount_point for hierarchy in parse_hierarchies(mountinfo))
        return cls(
            mounts=frozenset(line.split()[4] for line in mountinfo.splitlines()),
            links=frozenset(find_links()),
            cgroups=frozenset(str(path) for top in tops for path in top.glob("oph-*")),
            loops=frozenset(text for path in backing if str(directory) in (text := read(path))),
            processes=frozenset(find_processes((str(directory), "/usr/lib/ophite/", "/usr/bin/kubelet", "/usr/bin/etcd"))),
        )


def find_processes(words: tuple[str, ...]) -> list[str]:
    """`PID command` of every process whose command line holds one of the words, without this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        command = read(path).replace("\0", " ")
        if any(word in command for word in words) and "pytest" not in command:
            found.append(f"{path.parent.name} {command}")
    return found


def read(path: Path) -> str:
    """A file's text, or nothing when it vanished meanwhile."""
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
