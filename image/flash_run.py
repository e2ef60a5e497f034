"""Flashing, step by step: look at the image, look at the disk, ask, write, read back.

Everything that can be refused is refused before the question; after it the disk is opened exclusively and looked at again, so
what is written to is what the user saw. What is refused because of the unpacked image is refused before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from image.errors import ImageError
from image.flash_disk import OpenDisk, check_access, open_disk
from image.flash_progress import Meter
from image.flash_source import Source, check_head, find_image, get_source, open_pieces
from image.flash_sums import check_sum
from image.flash_target import (
    SECTOR,
    Target,
    check_room,
    check_target,
    find_problems,
    get_target,
    list_targets,
    show_size,
)
from image.flash_users import Host
from image.flash_write import Marks, check_body, erase_beginning, erase_end, write_body, write_first

Ask = Callable[[str], str] | None
"""Puts a question to the user and returns the answer; None when nobody is there to ask."""
GPT_HEAD = b"EFI PART"


@dataclass(frozen=True)
class Wish:
    """What the user asked for: `image` None for what the last build made."""

    disk: Path
    image: Path | None = None
    yes: bool = False
    force: bool = False
    verify: bool = True


def flash(wish: Wish, meter: Meter, ask: Ask, host: Host | None = None) -> None:
    """Write an image to a disk. Raises `ImageError` for everything that the user can mend."""
    machine = host or Host()
    source = get_source(find_image(wish.image))
    target = get_target(wish.disk, machine)
    meter.say(describe_target(target))
    meter.say(f"image      {source.describe()}")
    check_target(target, force=wish.force)
    check_room(target, source.path.name, source.size or 0)
    check_access(target.path)
    if found := check_sum(source):
        meter.say(f"           its SHA-256 is the one in {found}")
    confirm(target, ask, yes=wish.yes)
    with open_disk(target.path) as disk:
        check_unchanged(target, get_target(wish.disk, machine), force=wish.force)
        write(disk, source, meter, target.sector_size, verify=wish.verify)
    meter.say(f"done: {target.path} holds {source.path.name}" + ("" if wish.verify else " (not read back)"))


def confirm(target: Target, ask: Ask, *, yes: bool) -> None:
    """Have the user type the disk's name, unless he has said yes already. Raises `ImageError` for anything else."""
    if yes:
        return
    if ask is None:
        raise ImageError(f"everything on {target.path} would be lost, and nobody is there to ask", "--yes, if that is meant")
    answer = ask(f"Everything on {target.path} will be lost. Type its name, {target.name}, to go on: ")
    if answer.strip() != target.name:
        raise ImageError("nothing was written", f"the answer was not {target.name}")


def check_unchanged(shown: Target, now: Target, *, force: bool) -> None:
    """Raise `ImageError` when another disk answers to the name now, or somebody began to use it."""
    if now.identity != shown.identity:
        raise ImageError(f"{shown.path} is another disk than a moment ago; nothing was written", "begin again")
    check_target(now, force=force)


def write(disk: OpenDisk, source: Source, meter: Meter, sector_size: int, *, verify: bool) -> None:
    """Carry out the steps on an open disk. Raises `ImageError`, `FlashError`."""
    marks = Marks(disk, source.size) if verify and source.size is not None else None
    with open_pieces(source) as pieces:
        first = next(pieces, b"")
        check_head(first, source.path)
        check_sectors(first, sector_size)
        erase_end(disk)
        if marks is not None:
            marks.write()
        erase_beginning(disk)
        with meter.step("writing", source.size) as advance:
            written = write_body(disk, chain([first], pieces), advance)
    if verify:
        with meter.step("comparing", written.size - len(written.first)) as advance:
            check_body(disk, written, advance)
    if marks is not None:
        marks.check(written.size)
        marks.erase(written.size)
    write_first(disk, written, compare=verify)
    disk.tell_kernel()


def check_sectors(first: bytes, sector_size: int) -> None:
    """Raise `ImageError` when the image's table counts in other sectors than the disk, which then finds no partitions."""
    if sector_size != SECTOR and first[SECTOR : SECTOR + len(GPT_HEAD)] == GPT_HEAD:
        what = f"the disk has sectors of {sector_size} bytes, the image's partition table is for {SECTOR}"
        raise ImageError(what, "start the machine from an ISO and let it install itself: that works with any sectors")


def describe_target(target: Target) -> str:
    """What the target is, and what is on it, in lines."""
    words = [f"disk       {target.path}", show_size(target.size), target.model, target.serial and f"serial {target.serial}"]
    words += [target.transport, "removable" if target.removable else "file" if target.kind == "file" else "built in"]
    lines = [", ".join(word for word in words if word)]
    lines.append(f"holds      {target.content or 'nothing'}")
    for part in target.parts:
        about = [part.content or "unknown or empty", part.label]
        lines.append(f"  {part.name:<12} {show_size(part.size):>10}  {' '.join(word for word in about if word)}")
    return "\n".join([*lines, *(f"  {user.describe()}" for user in target.users)])


def show_disks(meter: Meter, host: Host | None = None) -> None:
    """List the disks of this machine, and why those that are left alone are."""
    targets = list_targets(host or Host())
    if not targets:
        raise ImageError("this machine has no disks", "insert the card, and see whether `dmesg` tells of it")
    for target in targets:
        meter.say(describe_target(target))
        problems = find_problems(target, force=False)
        meter.say(f"  left alone: {problems[0]}\n" if problems else f"  ophite image flash {target.path} --image FILE\n")
