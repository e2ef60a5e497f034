"""`ophite image flash`: write an image to an SD card, a stick or a disk. The command line of it.

What it takes of the kernel (sysfs, exclusive opening, the cache it goes past) is Linux's; elsewhere it says what to use
instead, before anything that would not even import there.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from image.errors import ImageError

ELSEWHERE = "Raspberry Pi Imager or balenaEtcher write a .img.xz (--format sd) on any system"
INTERRUPTED = 130  # 128 + SIGINT, as shells count
URL = re.compile(r"[a-z]+://")


def make_parser() -> argparse.ArgumentParser:
    """All options."""
    parser = argparse.ArgumentParser(
        prog="ophite image flash",
        description="Write an image to a disk or an SD card, and read it back. Without DISK: list the disks there are.",
    )
    add = parser.add_argument
    add("disk", nargs="?", type=Path, metavar="DISK", help="the whole disk, such as /dev/sdb or /dev/mmcblk0")
    add(
        "--image",
        metavar="FILE",
        help="image of a disk, also .xz or .zst, or a build's output (default: build/image)",
    )
    add("--yes", action="store_true", help="do not ask")
    add("--force", action="store_true", help="also a disk that is built in, or a file; never one that is in use")
    add("--no-verify", action="store_true", help="do not read back what was written")
    add("--quiet", action="store_true", help="say nothing but errors")
    return parser


def find_file(name: str | None) -> Path | None:
    """The file that `--image` names. Raises `ImageError` for a URL: what is compared before it is written has to be here."""
    if name is not None and URL.match(name):
        raise ImageError(f"{name} is not a file", "download it, and the manifest.json or os_list.json beside it: curl -fLO URL")
    return None if name is None else Path(name)


def check_system(name: str) -> None:
    """Raise `ImageError` on a system (as `sys.platform` has it) that is not Linux."""
    if name != "linux":
        raise ImageError(f"this works on Linux only, here is {name}", ELSEWHERE)


def ask_terminal(question: str) -> str:
    """Put a question on the terminal; "" when it is closed."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline()


def run(argv: Sequence[str] | None) -> None:
    """Carry out the command. Raises `ImageError`."""
    options = make_parser().parse_args(argv)
    check_system(sys.platform)
    from image.flash_progress import Meter
    from image.flash_run import Wish, flash, show_disks

    meter = Meter(quiet=options.quiet)
    if options.disk is None:
        show_disks(meter)
        return
    wish = Wish(options.disk, find_file(options.image), options.yes, options.force, not options.no_verify)
    flash(wish, meter, ask_terminal if sys.stdin.isatty() else None)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; 0, 1, or 130 when it was interrupted."""
    try:
        run(argv)
    except ImageError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; what was begun does not boot\n")
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
