"""Mounts: mount(2), umount2(2) and what /proc/self/mountinfo says about them."""

from typing import NamedTuple

from init.linux.syscalls import call, ulong

# sys/mount.h
MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_MOVE = 8192
MS_REC = 16384
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MS_RELATIME = 1 << 21
MNT_FORCE = 1
MNT_DETACH = 2


class Mount(NamedTuple):
    """One line of /proc/self/mountinfo (proc_pid_mountinfo(5)); `root` is the mounted directory inside its file system."""

    id: int
    parent: int
    device: str
    root: str
    target: str
    options: str
    fstype: str
    source: str


def mount(source: str, target: str, fstype: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2): errors carry source, target and type."""
    what = f"{fstype or source} on {target}"
    call("mount", source.encode(), target.encode(), fstype.encode(), ulong(flags), options.encode() or None, what=what)


def umount(target: str, flags: int = 0) -> None:
    """umount2(2) with MNT_FORCE or MNT_DETACH in `flags`."""
    call("umount2", target.encode(), flags, what=target)


def bind(source: str, target: str, *, read_only: bool = False, recursive: bool = False) -> None:
    """Show `source` at `target` too; read-only needs a second call, because the first ignores MS_RDONLY (mount(2))."""
    mount(source, target, flags=MS_BIND | (MS_REC if recursive else 0))
    if read_only:
        mount("none", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY)


def move(source: str, target: str) -> None:
    """Move the mount at `source` to `target`."""
    mount(source, target, flags=MS_MOVE)


def make_shared(target: str) -> None:
    """Make `target` and all below it propagate mounts, as kubelet needs of / (mount_namespaces(7))."""
    mount("none", target, flags=MS_SHARED | MS_REC)


def pivot_root(new: str, old: str) -> None:
    """pivot_root(2): `new` becomes /, the former root is at `old`."""
    call("pivot_root", new.encode(), old.encode(), what=new)


def parse_mountinfo(text: str) -> list[Mount]:
    """The mounts of a mountinfo text in the order of mounting; lines that are not whole are left out."""
    mounts = []
    for line in text.splitlines():
        left, separator, right = line.partition(" - ")
        head, tail = left.split(" "), right.split(" ")
        if not separator or len(head) < 6 or len(tail) < 2 or not (head[0] + head[1]).isdecimal():
            continue
        names = [_unescape(name) for name in (head[3], head[4], tail[1])]
        mounts.append(Mount(int(head[0]), int(head[1]), head[2], names[0], names[1], head[5], tail[0], names[2]))
    return mounts


def read_mounts(path: str = "/proc/self/mountinfo") -> list[Mount]:
    """What is mounted in this process' namespace."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return parse_mountinfo(file.read())


def _unescape(name: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        name = name.replace(code, character)
    return name
