"""Stage 1: from the kernel's first process to the root image, as a table of named steps.

Each step says what its failure means: `degrade` is a line in the log, `fatal` ends in `give_up`, which shows what was tried and
reboots after 30 s (or holds, with `panic=0`), so that boot counting can fall back to the other slot.
Trap: whatever is made here goes with the initramfs, except what a mount or a loop device holds.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from init.emergency import give_up
from init.linux import dm, loop
from init.linux.cmdline import CommandLine, RootKind, read_cmdline
from init.linux.disks import find_medium, find_partition
from init.linux.kmsg import Log, open_log
from init.linux.modules import load_files
from init.linux.mount import MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MountLine, mount, mount_missing, switch_root, umount
from init.linux.watchdog import open_watchdog, pet

STAGE1_FILE = "/etc/ophite-stage1.json"
ROOT_FILE, SYSROOT, MEDIUM, ROOT_NAME = "/root.erofs", "/sysroot", "/medium", "ophite-root"
PIECE = 1 << 20  # bytes
DEVICE_WAIT = 15.0  # seconds for the disk to appear
WATCHDOG_TIMEOUT, WATCHDOG_LIMIT = 60, 300  # seconds from its opening to stage 2; the most that patience makes of it
PSEUDO = (
    MountLine("proc", "/proc"),
    MountLine("sysfs", "/sys"),
    MountLine("devtmpfs", "/dev", MS_NOSUID, "mode=755"),
    MountLine("tmpfs", "/run", options="mode=755"),
)
PARTS, PARTS_AT = "/ophite", "/run/ophite/medium/ophite"  # of a network boot: what an installation needs
MOVED = ("/dev", "/proc", "/sys", "/run")
DEGRADE, FATAL = "degrade", "fatal"  # what a failed step means for the boot
PYTHON_PATH = ["/usr/lib/ophite", "/usr/lib/python3.13", "/usr/lib/python3.13/lib-dynload"]


class RootError(Exception):
    """No root can be mounted: what was tried and why it failed."""


class Stage1:
    """What the steps find out for each other."""

    def __init__(self) -> None:
        self.log = Log(2, plain=True)
        self.cmdline: CommandLine | None = None
        self.watchdog: int | None = None
        self.device = ""


class Step(NamedTuple):
    """One line of the table."""

    name: str
    action: Callable[[Stage1], None]
    on_failure: str


def mount_pseudo(stage: Stage1) -> None:
    """What every later step reads and writes."""
    for problem in mount_missing(PSEUDO):
        stage.log.warning("not mounted", problem=problem)


def start_log(stage: Stage1) -> None:
    """The kernel's log becomes ours."""
    stage.log = open_log()
    stage.log.info("stage 1", kernel=os.uname().release, machine=os.uname().machine)


def read_command_line(stage: Stage1) -> None:
    """What the boot loader says, with what is wrong about it."""
    stage.cmdline = read_cmdline()
    for problem in stage.cmdline.problems:
        stage.log.warning("command line", problem=problem)


def load_root_modules(stage: Stage1) -> None:
    """The drivers that the root image needs, in the order that the build has computed."""
    with open(STAGE1_FILE, encoding="utf-8") as file:
        for problem in load_files(json.load(file)["stage1"]):
            stage.log.warning("module not loaded", problem=problem)


def start_watchdog(stage: Stage1) -> None:
    """From here on a boot that hangs ends in a reset; only the loop of stage 2 feeds it."""
    if stage.watchdog is None:
        stage.watchdog = open_watchdog(min(WATCHDOG_TIMEOUT * (stage.cmdline.patience if stage.cmdline else 1), WATCHDOG_LIMIT))


def find_root(stage: Stage1) -> None:
    """The block device of the root image."""
    line = stage.cmdline
    if line is None or line.root is None:
        raise RootError("the command line has no valid ophite.root=verity, ophite.root=iso or ophite.root=initramfs")
    if line.root is RootKind.VERITY:
        if line.verity is None:
            raise RootError("ophite.root=verity needs a valid ophite.verity=ROOTHASH:SALT:BLOCKS")
        guid = line.verity.partition_guid
        stage.device = wait_for(stage, lambda: find_partition(guid), f"partition {guid} for root hash {line.verity.root_hash}")
    else:
        if line.root is RootKind.ISO:
            node = wait_for(stage, lambda: find_medium(line.medium), f"medium with label {line.medium!r} (ophite.medium)")
            copy_from_medium(stage, node)
        stage.device = loop.attach(ROOT_FILE)
    stage.log.info("root found", device=stage.device, root_hash=line.verity.root_hash if line.verity else "none")
    if line.verity:
        stage.device = dm.open_verity(ROOT_NAME, stage.device, line.verity)


def wait_for(stage: Stage1, find: Callable[[], tuple[str | None, list[str]]], what: str) -> str:
    """What `find` finds, which may appear up to `DEVICE_WAIT` later; RootError with what it tried when it does not."""
    limit = DEVICE_WAIT * (stage.cmdline.patience if stage.cmdline else 1)
    deadline = time.monotonic() + limit
    while True:
        pet(stage.watchdog)
        node, tried = find()
        if node:
            return node
        if time.monotonic() >= deadline:
            raise RootError("; ".join([f"no {what} within {limit:.0f} s", *tried]))
        time.sleep(0.05)


def copy_from_medium(stage: Stage1, node: str) -> None:
    """Bring the root image into memory, so that the medium is free; each piece that arrives feeds the watchdog."""
    stage.log.show()  # also with `quiet`: this takes a while
    os.makedirs(MEDIUM, exist_ok=True)
    mount(node, MEDIUM, "iso9660", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    try:
        with open(MEDIUM + ROOT_FILE, "rb", buffering=0) as source, open(ROOT_FILE, "wb") as target:
            size, done = os.fstat(source.fileno()).st_size, 0
            while piece := source.read(PIECE):
                target.write(piece)
                shown, done = done * 10 // size, done + len(piece)
                pet(stage.watchdog)
                if done * 10 // size > shown:
                    stage.log.info("copying the root into memory", percent=done * 10 // size * 10, bytes=size)
    finally:
        umount(MEDIUM)


def mount_root(stage: Stage1) -> None:
    """EROFS, read-only, at /sysroot."""
    os.makedirs(SYSROOT, exist_ok=True)
    mount(stage.device, SYSROOT, "erofs", MS_RDONLY | MS_NODEV)


def enter_root(_: Stage1) -> None:
    """Switch, and import from the image from now on."""
    switch_root(SYSROOT, MOVED, PARTS, PARTS_AT)
    sys.path[:] = PYTHON_PATH
    sys.path_importer_cache.clear()


STEPS = (
    Step("pseudo file systems", mount_pseudo, DEGRADE),
    Step("log", start_log, DEGRADE),
    Step("command line", read_command_line, FATAL),
    Step("watchdog", start_watchdog, DEGRADE),
    Step("modules of the root", load_root_modules, DEGRADE),
    Step("watchdog of a module", start_watchdog, DEGRADE),
    Step("find the root", find_root, FATAL),
    Step("mount the root", mount_root, FATAL),
    Step("switch root", enter_root, FATAL),
)


def run(steps: tuple[Step, ...] = STEPS) -> Stage1:
    """Go through the table; does not return after a fatal failure."""
    stage = Stage1()
    for step in steps:
        pet(stage.watchdog)  # some reset after 15 s
        try:
            step.action(stage)
        except Exception as error:  # noqa: BLE001 - the table decides what a failure means, whatever it is
            stage.log.error("stage 1: step failed", step=step.name, then=step.on_failure, error=error)
            if step.on_failure is FATAL:
                hold = bool(stage.cmdline and stage.cmdline.hold)
                give_up(stage.log, f"{step.name}: {error}", hold=hold, watchdog=stage.watchdog)
    return stage
