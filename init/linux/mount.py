"""Mounts: mount(2), umount2(2) and what /proc/self/mountinfo says about them; the way into a root and out of all."""

import os
from contextlib import suppress
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
MS_SHARED = 1 << 20
MS_RELATIME = 1 << 21
MNT_FORCE = 1
MNT_DETACH = 2
KEPT_TARGETS = ("/", "/run", "/tmp")  # noqa: S108 - a mount point
KEPT_SLASHED = ("/proc/", "/sys/", "/dev/")


class MountLine(NamedTuple):
    """A file system to mount; with `optional` a missing mount point is no news."""

    fstype: str
    target: str
    flags: int = MS_NOSUID | MS_NODEV | MS_NOEXEC
    options: str = ""
    optional: bool = False


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


def make_shared(target: str) -> None:
    """Make `target` and all below it propagate mounts, as kubelet needs of / (mount_namespaces(7))."""
    mount("none", target, flags=MS_SHARED | MS_REC)


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


def mount_missing(lines: tuple[MountLine, ...]) -> list[str]:
    """Mount what is not mounted yet; returns what failed, as texts."""
    try:
        mounted = {item.target for item in read_mounts()}
    except OSError:  # no /proc yet
        mounted = set()
    problems = []
    for line in lines:
        if line.target in mounted or (line.optional and not os.path.isdir(line.target)):
            continue
        try:
            if not line.target.startswith("/sys/"):
                os.makedirs(line.target, exist_ok=True)
            mount(line.fstype, line.target, line.fstype, line.flags, line.options)
        except OSError as error:
            problems.append(str(error.strerror))
    return problems


def switch_root(root: str, moved: tuple[str, ...], kept: str, kept_at: str) -> None:
    """Make the mount at `root` the root, with the mounts `moved` and the directory `kept`; give the initramfs' memory back."""
    if os.path.isdir(kept):
        os.makedirs(kept_at, exist_ok=True)
        bind(kept, kept_at)
    for target in moved:
        mount(target, root + target, flags=MS_MOVE)
    remove_tree("/", os.stat("/").st_dev, kept)
    os.chdir(root)
    mount(".", "/", flags=MS_MOVE)
    os.chroot(".")
    os.chdir("/")


def remove_tree(directory: str, device: int, kept: str = "") -> None:
    """Delete everything below `directory` that is on `device`; mount points of others and `kept` stay."""
    with os.scandir(directory) as entries:
        for entry in list(entries):
            with suppress(OSError):
                if entry.stat(follow_symlinks=False).st_dev != device or entry.path == kept:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    remove_tree(entry.path, device, kept)
                    os.rmdir(entry.path)
                else:
                    os.unlink(entry.path)


def plan_unmount(mounts: list[Mount]) -> list[Mount]:
    """What to unmount, in reverse order of mounting: all but the root and what the kernel itself shows."""
    kept = [item for item in mounts if item.target in KEPT_TARGETS or f"{item.target}/".startswith(KEPT_SLASHED)]
    return [item for item in reversed(mounts) if item not in kept]


def unmount_all() -> None:
    """Unmount what holds data, read-only first where it is busy, so that the disk is clean in any case."""
    for item in plan_unmount(read_mounts()):
        try:
            umount(item.target)
        except OSError:
            with suppress(OSError):
                mount("none", item.target, flags=MS_REMOUNT | MS_RDONLY)
            with suppress(OSError):
                umount(item.target, MNT_DETACH)


def _unescape(name: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        name = name.replace(code, character)
    return name
