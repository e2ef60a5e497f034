"""Who uses a disk: mounts, swap, and whatever stands on it, found from the disk downwards.

A disk is a family of devices: itself, its partitions, what holds one of them (device mapper: LVM and LUKS; RAID; bcache), and
loop devices whose backing file is one of them, each with its own partitions and holders. Whoever uses any of the family uses
the disk.
Trap: other mount namespaces (containers) are not seen here; opening the disk exclusively, which comes later, sees them.
Sources: Documentation/ABI/stable/sysfs-block, proc_pid_mountinfo(5), proc_swaps(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from controllers.block.swap import read_swaps
from controllers.block.sysfs import read_text
from controllers.runtime.text import make_printable
from init.linux.mount import Mount, read_mounts

SYSTEM = ("/", "/boot", "/boot/efi", "/boot/firmware", "/efi", "/usr", "/var")
"""What is mounted at one of these is the running system."""
_SINGLE_DASH = re.compile(r"(?<!-)-(?!-)")  # between group and volume; a dash in a name is doubled


@dataclass(frozen=True)
class Host:
    """Where this machine's kernel tells about its disks; tests have another place."""

    sys: Path = Path("/sys")
    dev: Path = Path("/dev")
    mountinfo: Path = Path("/proc/self/mountinfo")
    swaps: Path = Path("/proc/swaps")

    def block(self, name: str) -> Path:
        """The directory of a block device in sysfs."""
        return self.sys / "class/block" / name


@dataclass(frozen=True)
class User:
    """Somebody who would miss the disk: which device of its family, what for in words, and the way out ("" for none)."""

    device: str
    what: str
    remedy: str
    system: bool = False

    def describe(self) -> str:
        """One line."""
        return f"{self.device} {self.what}" + (f" ({self.remedy})" if self.remedy else "")


def find_users(host: Host, disk: str) -> tuple[User, ...]:
    """Who uses the disk of that kernel name, the running system first."""
    family = find_family(host, disk)
    users = [*find_mounts(host, family), *find_swap(host, family), *find_holders(host, family)]
    return tuple(sorted(users, key=lambda one: not one.system))


def find_family(host: Host, disk: str) -> tuple[str, ...]:
    """The kernel names of a disk and of all that stands on it, the nearest first."""
    backed = dict(_backed_loops(host))
    family = [disk]
    for name in family:  # grows while it is walked over
        below = [*list_partitions(host, name), *_names(host.block(name) / "holders")]
        below += [loop for loop, backing in backed.items() if backing == name]
        family += [one for one in below if one not in family]
    return tuple(family)


def list_partitions(host: Host, disk: str) -> list[str]:
    """The kernel names of a device's partitions, in the order of their numbers."""
    home = host.block(disk)
    numbered = [(read_text(home / name / "partition"), name) for name in _names(home)]
    return [name for number, name in sorted((int(number), name) for number, name in numbered if number.isdecimal())]


def find_mounts(host: Host, family: Iterable[str]) -> Iterator[User]:
    """What is mounted of a family; each device once for every place."""
    numbers = {read_text(host.block(name) / "dev"): name for name in family}
    members = {other: name for name in numbers.values() for other in _btrfs_members(host, name)}
    for mount in read_mounts(str(host.mountinfo)):
        name = numbers.get(mount.device) or _family_source(mount, numbers.values()) or members.get(_source_name(mount))
        if name is not None:
            system = mount.target in SYSTEM
            place = make_printable(mount.target)
            what = f"is mounted at {place}" + (": the running system" if system else "")
            yield User(name, what, "" if system else f"umount {place}", system)


def find_swap(host: Host, family: Iterable[str]) -> Iterator[User]:
    """What of a family is swapped to."""
    names = set(family)
    for path in read_swaps(host.swaps):
        name = Path(path).resolve().name
        if name in names:
            yield User(name, "is swap space of the running system", f"swapoff {path}", system=True)


def find_holders(host: Host, family: Iterable[str]) -> Iterator[User]:
    """What else of a family holds another of its devices."""
    for name in family:
        home = host.block(name)
        for holder in _names(home / "holders"):
            label = read_text(host.block(holder) / "dm/name")
            kind, remedy = _describe_holder(read_text(host.block(holder) / "dm/uuid"), holder, label)
            yield User(name, f"is in use by {kind} {label or holder}", remedy)
    for loop, backing in _backed_loops(host):
        if backing in family:
            yield User(backing, f"is behind the loop device {loop}", f"losetup --detach /dev/{loop}")


def _describe_holder(uuid: str, holder: str, label: str) -> tuple[str, str]:
    """What a holder is and how it is taken away; the kind is the beginning of a device mapper's uuid."""
    if uuid.startswith("LVM-"):
        group = _SINGLE_DASH.split(label)[0].replace("--", "-")
        return "the logical volume", f"vgchange --activate n {group}"
    if uuid.startswith("CRYPT-"):
        return "the encrypted volume", f"cryptsetup close {label}"
    if holder.startswith("md"):
        return "the RAID", f"mdadm --stop /dev/{holder}"
    return "the device", f"dmsetup remove {label}" if label else ""


def _backed_loops(host: Host) -> Iterator[tuple[str, str]]:
    """Loop devices and the kernel names of the devices (not files) behind them."""
    for loop in _names(host.sys / "class/block"):
        backing = read_text(host.block(loop) / "loop/backing_file")
        if backing.startswith(f"{host.dev}/"):
            yield loop, Path(backing).resolve().name


def _btrfs_members(host: Host, name: str) -> list[str]:
    """All devices of the mounted btrfs that has `name` among them; only one of them is in the table of mounts."""
    for home in (host.sys / "fs/btrfs").glob("*/devices"):
        names = _names(home)
        if name in names:
            return names
    return []


def _family_source(mount: Mount, family: Iterable[str]) -> str | None:
    """The member that a mount names as its source, where the number tells nothing (btrfs has numbers of its own)."""
    name = _source_name(mount)
    return name if name and name in family else None


def _source_name(mount: Mount) -> str:
    return Path(mount.source).resolve().name if mount.source.startswith("/dev/") else ""


def _names(directory: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in directory.iterdir())
    except OSError:
        return []
