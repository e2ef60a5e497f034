"""What a flash would overwrite: the disk, what is on it and who uses it; and the reasons not to.

Everything comes from sysfs and from the disk's own first sectors; nothing is written here. A target is described twice,
before the user is asked and again when the disk was opened exclusively, because a card may be exchanged while a question is
on the screen.
Trap: `removable` in sysfs is 0 for most USB disks, and 1 for some card readers without a card, so it alone decides nothing.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from controllers.block import gpt, sysfs
from controllers.block.disk_identity import read_identity
from controllers.block.superblocks import has_mbr_partitions, is_blank, probe
from controllers.runtime.text import make_printable
from image.errors import ImageError
from image.flash_users import Host, User, find_users, list_partitions

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
NO_DISKS = {
    "mapper": "a mapped device, which is a part of other disks",
    "raid": "a RAID made of other disks",
    "optical": "an optical drive",
    "firmware": "a boot or protected area of an eMMC",
    "memory": "memory, or a network disk",
}
SECTOR = 512


@dataclass(frozen=True)
class Part:
    """One partition and what is on it."""

    name: str
    size: int  # bytes
    content: str  # kind of file system, "" for nothing known
    label: str


@dataclass(frozen=True)
class Target:
    """A disk, or a file in its place (`kind` "file"). Sizes in bytes; `sequence` is another one for every card in a reader."""

    path: Path
    name: str
    kind: str
    size: int
    model: str = ""
    serial: str = ""
    transport: str = ""
    removable: bool = False
    read_only: bool = False
    sector_size: int = SECTOR
    sequence: int = 0
    content: str = ""
    parts: tuple[Part, ...] = ()
    users: tuple[User, ...] = ()

    @property
    def identity(self) -> tuple[str, int, str, str, int]:
        """What stays the same as long as it is the same disk."""
        return self.name, self.size, self.model, self.serial, self.sequence


def show_size(size: int) -> str:
    """Bytes for people, in powers of 1024."""
    value, unit = float(size), 0
    while value >= 1024 and unit < len(UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} {UNITS[unit]}" if unit == 0 or value >= 100 else f"{value:.1f} {UNITS[unit]}"


def get_target(path: Path, host: Host) -> Target:
    """Describe what a path names. Raises `ImageError` when it is neither a disk nor a file."""
    try:
        found = path.stat()
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}", "`ophite image flash` without a disk lists those there are") from error
    if stat.S_ISREG(found.st_mode):
        return Target(path, path.name, "file", found.st_size, content=describe_content(path, found.st_size)[0])
    if not stat.S_ISBLK(found.st_mode):
        raise ImageError(f"{path} is not a disk", "`ophite image flash` without a disk lists those there are")
    number = f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    return describe_disk((host.sys / "dev/block" / number).resolve().name, host)


def describe_disk(name: str, host: Host) -> Target:
    """Describe the disk of a kernel name. Raises `ImageError` for a partition."""
    home = host.block(name).resolve()
    if (home / "partition").exists():
        disk = home.parent.name
        raise ImageError(f"{host.dev / name} is a partition", f"the whole disk is {host.dev / disk}; all of it is overwritten")
    transport = sysfs.transport_of(str(home))
    who = read_identity(home, transport)
    path, size = host.dev / name, sysfs.read_number(home / "size") * sysfs.SECTOR
    content, labels = describe_content(path, size, sysfs.sector_size(host.sys, name))
    return Target(
        path=path,
        name=name,
        kind=sysfs.kind_of(name),
        size=size,
        model=who.model,
        serial=who.serial,
        transport=transport,
        removable=is_removable(home, transport),
        read_only=sysfs.read_text(home / "ro") == "1",
        sector_size=sysfs.sector_size(host.sys, name),
        sequence=sysfs.read_number(home / "diskseq"),
        content=content,
        parts=tuple(describe_part(part, labels, host) for part in list_partitions(host, name)),
        users=find_users(host, name),
    )


def is_removable(home: Path, transport: str) -> bool:
    """Whether people carry the disk about: USB, an SD card (an eMMC is soldered in), or what the kernel calls removable."""
    if transport == "mmc":
        return sysfs.read_text(home / "device/type") == "SD"
    return transport == "usb" or sysfs.read_text(home / "removable") == "1"


def describe_part(name: str, labels: dict[int, str], host: Host) -> Part:
    """One partition; `labels` are the names that the disk's table has, by number."""
    home, path = host.block(name), host.dev / name
    size = sysfs.read_number(home / "size") * sysfs.SECTOR
    content, _ = describe_content(path, size)
    label = labels.get(sysfs.read_number(home / "partition"), "")
    return Part(name, size, content, label or read_label(path))


def describe_content(path: Path, size: int, sector_size: int = SECTOR) -> tuple[str, dict[int, str]]:
    """What is on a device, in a word, and the names in its table by number. "" for nothing but zeros."""
    try:
        table = gpt.parse(lambda offset, length: read_at(path, offset, length), sector_size, size)
        if table is not None:
            return "gpt", {one.number: make_printable(one.label) for one in table.partitions}
        found = probe(lambda offset, length: read_at(path, offset, length), size)
        if found is not None:
            return found.filesystem, {}
        if has_mbr_partitions(read_at(path, 0, SECTOR)):
            return "mbr", {}
        return "" if is_blank(lambda offset, length: read_at(path, offset, length), size) else "unknown data", {}
    except gpt.GptError:
        return "a damaged gpt", {}
    except OSError as error:
        return f"unreadable ({error.strerror})", {}


def read_label(path: Path) -> str:
    """The label of the file system on a device."""
    try:
        found = probe(lambda offset, length: read_at(path, offset, length))
    except OSError:
        return ""
    return found.label if found is not None else ""


def read_at(path: Path, offset: int, length: int) -> bytes:
    """Read a piece of a device without keeping it open. Raises `OSError`."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return os.pread(fd, length, offset)
    finally:
        os.close(fd)


def list_targets(host: Host) -> list[Target]:
    """The disks of this machine that have a size, those that may be flashed first."""
    names = [one.name for one in sysfs.list_devices(host.sys, host.dev) if one.kind == "disk"]
    found = [describe_disk(name, host) for name in names]
    return sorted(found, key=lambda one: (bool(find_problems(one, force=False)), one.name))


def find_problems(target: Target, *, force: bool) -> list[str]:
    """Why the target must not be overwritten, each with its way out; `force` is the user's word for what is unusual only."""
    problems = [user.describe() for user in target.users]
    if target.kind in NO_DISKS:
        problems.append(f"it is {NO_DISKS[target.kind]} (name a whole disk)")
    if target.read_only:
        problems.append("it is read-only (look at the card's lock switch)")
    if not target.size:
        problems.append("it has no size (make a file with truncate)" if target.kind == "file" else "there is no card in it")
    if target.kind == "file" and not force:
        problems.append("it is a file and no disk (--force, if that is meant)")
    elif target.kind not in NO_DISKS and target.kind != "file" and not target.removable and not force:
        problems.append("it is neither a USB disk nor an SD card (--force, if it is really the one)")
    return problems


def check_target(target: Target, *, force: bool) -> None:
    """Raise `ImageError` with every reason not to overwrite the target."""
    problems = find_problems(target, force=force)
    if problems:
        text = "".join(f"\n  {problem}" for problem in problems)
        raise ImageError(f"{target.path} is left alone:{text}", "`ophite image flash` without a disk lists those there are")


def check_room(target: Target, name: str, size: int) -> None:
    """Raise `ImageError` when an image of `size` bytes does not fit."""
    if size > target.size:
        wanted, there = show_size(size), show_size(target.size)
        raise ImageError(f"{name} needs {wanted}, {target.path} has {there}", "take a larger card or disk")
