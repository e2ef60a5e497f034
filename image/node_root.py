"""The first process of a node in namespaces, until it becomes the node's PID 1.

It runs as `python -m image.node_root SPEC.json` inside fresh namespaces, mounts the node's root the way that the contract
"From the kernel to stage 2" says, waits until the other side has plugged in the network, moves into the new root and executes
the root's own interpreter with the node's init. All mounts are in the new mount namespace: they vanish with it.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import stat
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from image.errors import ImageError
from image.run import run

INIT = ("/usr/bin/python3.13", "-I", "-S", "/usr/lib/ophite/init/__main__.pyc")
ENVIRONMENT = {"PATH": "/usr/bin:/usr/sbin", "TERM": "dumb"}
DEVICES = {  # name: major, minor (the kernel's admin-guide/devices)
    "null": (1, 3),
    "zero": (1, 5),
    "full": (1, 7),
    "random": (1, 8),
    "urandom": (1, 9),
    "kmsg": (1, 11),
    "tty": (5, 0),
    "fuse": (10, 229),
}
LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}
# What kubelet insists on writing, shown to the node as files of its own: the host's settings stay the host's.
SHADOWED = {
    "sys/vm/overcommit_memory": "1",
    "sys/vm/panic_on_oom": "0",
    "sys/kernel/panic": "10",
    "sys/kernel/panic_on_oops": "1",
    "sys/kernel/keys/root_maxkeys": "1000000",
    "sys/kernel/keys/root_maxbytes": "25000000",
}
READ_ONLY = ("sys/kernel", "sys/vm", "sys/fs", "sysrq-trigger")  # below /proc
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}  # <asm/unistd.h>
MNT_DETACH = 2  # <linux/mount.h>
CLONE_NEWCGROUP = 0x02000000  # <linux/sched.h>


@dataclass(frozen=True)
class NodeRoot:
    """What the node is made of: host paths of the image, an empty mount point, /var, /state, scratch files and cgroups."""

    root_image: str
    mount_point: str
    var: str
    state: str
    scratch: str
    cgroups: tuple[str, ...]
    command_line: str

    def render(self) -> str:
        """As JSON, which `parse` reads back."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> NodeRoot:
        """The inverse of `render`."""
        fields = json.loads(text)
        return cls(**{**fields, "cgroups": tuple(fields["cgroups"])})


def plan_mounts(spec: NodeRoot, proc: Path = Path("/proc")) -> list[tuple[str, ...]]:
    """The mounts in their order, as calls of mount(8); `proc` tells what this kernel has."""
    root = spec.mount_point
    flags = "nosuid,nodev"
    return [
        ("mount", "-t", "erofs", "-o", "ro,nodev", spec.root_image, root),
        ("mount", "-t", "proc", "-o", f"{flags},noexec", "proc", f"{root}/proc"),
        ("mount", "--bind", f"{spec.scratch}/cmdline", f"{root}/proc/cmdline"),
        *(step for name in READ_ONLY if (proc / name).exists() for step in plan_read_only(f"{root}/proc/{name}")),
        *(("mount", "--bind", f"{spec.scratch}/{name}", f"{root}/proc/{name}") for name in SHADOWED if (proc / name).exists()),
        ("mount", "-t", "tmpfs", "-o", "nosuid,mode=755,size=64m", "dev", f"{root}/dev"),
        ("mount", "--bind", spec.var, f"{root}/var"),
        ("mount", "-o", f"remount,bind,{flags}", f"{root}/var"),
        ("mount", "--bind", spec.state, f"{root}/state"),
        ("mount", "-o", f"remount,bind,{flags},noexec", f"{root}/state"),
    ]


def plan_read_only(path: str) -> list[tuple[str, ...]]:
    """A read-only view of a path at its own place."""
    return [("mount", "--bind", path, path), ("mount", "-o", "remount,bind,ro", path)]


def write_scratch(spec: NodeRoot) -> None:
    """The files that are bound over those of /proc."""
    scratch = Path(spec.scratch)
    for name, text in {"cmdline": spec.command_line, **SHADOWED}.items():
        path = scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")


def make_devices(directory: Path) -> None:
    """Device nodes and links of a /dev without devtmpfs."""
    for name, (major, minor) in DEVICES.items():
        os.mknod(directory / name, stat.S_IFCHR | 0o666, os.makedev(major, minor))
        (directory / name).chmod(0o666 if name != "kmsg" else 0o600)
    for name, target in LINKS.items():
        (directory / name).symlink_to(target)


def call_kernel(name: str, *words: int | bytes) -> None:
    """Call a function of the C library that answers 0 or sets errno; raises `ImageError`."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc[name](*words) != 0:
        raise ImageError(f"{name}: {os.strerror(ctypes.get_errno())}", "a node in namespaces needs root on the host")


def enter_cgroups(directories: tuple[str, ...]) -> None:
    """Join the node's cgroups and make them the roots that this process and its children see; cgroup_namespaces(7)."""
    for directory in directories:
        (Path(directory) / "cgroup.procs").write_text("0")
    call_kernel("unshare", CLONE_NEWCGROUP)


def pivot(root: Path) -> None:
    """Make `root` the root directory of this mount namespace and let go of the old one; pivot_root(2), its notes."""
    os.chdir(root)
    call_kernel("syscall", PIVOT_ROOT[platform.machine()], b".", b".")
    call_kernel("umount2", b".", MNT_DETACH)
    os.chdir("/")


def main() -> None:
    """Build the root, wait for a line on standard input, and become the node's PID 1."""
    spec = NodeRoot.parse(Path(sys.argv[1]).read_text())
    enter_cgroups(spec.cgroups)
    write_scratch(spec)
    for command in plan_mounts(spec):
        run(command, timeout=30)
    make_devices(Path(spec.mount_point) / "dev")
    if not sys.stdin.readline():
        raise ImageError("the launcher went away", "see node.log")
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    pivot(Path(spec.mount_point))
    os.execve(INIT[0], INIT, ENVIRONMENT)  # noqa: S606  it replaces this process on purpose


if __name__ == "__main__":
    main()
