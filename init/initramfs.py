"""Stage 1: from the kernel's first process to the root image, as a table of named steps.

Each step says what its failure means: `degrade` is a line in the log, `fatal` ends in `give_up`, which shows what was tried and
reboots after 30 s (or holds, with `panic=0`), so that boot counting can fall back to the other slot.
Trap: dm-verity notices damage only when a block is read. So sizes are compared first, the first and last block are read while a
bad one still is an error and not a panic, and only then is the table reloaded with `panic_on_corruption`.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, NoReturn

from init.linux import dm, loop
from init.linux.cmdline import CommandLine, RootKind, read_cmdline
from init.linux.disks import device_size, find_partition
from init.linux.kmsg import Log, open_log
from init.linux.modules import load_files
from init.linux.mount import MS_MOVE, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, mount
from init.linux.power import PowerAction, power
from init.linux.watchdog import open_watchdog

STAGE1_FILE = "/etc/ophite-stage1.json"
ROOT_FILE, SYSROOT, ROOT_NAME = "/root.erofs", "/sysroot", "ophite-root"
DEVICE_WAIT = 15.0  # seconds for the disk to appear
REBOOT_AFTER = 30.0  # seconds that the reason stays on the console
WATCHDOG_TIMEOUT = 30  # seconds
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


def mount_pseudo(_: Stage1) -> None:
    """What every later step reads and writes."""
    safe = MS_NOSUID | MS_NODEV | MS_NOEXEC
    for source, target, flags, options in (
        ("proc", "/proc", safe, ""),
        ("sysfs", "/sys", safe, ""),
        ("devtmpfs", "/dev", MS_NOSUID, "mode=755"),
        ("tmpfs", "/run", safe, "mode=755"),
    ):
        os.makedirs(target, exist_ok=True)
        mount(source, target, source, flags, options)


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
        paths = json.load(file)["stage1"]
    for problem in load_files(paths):
        stage.log.warning("module not loaded", problem=problem)


def start_watchdog(stage: Stage1) -> None:
    """From here on a boot that hangs ends in a reset."""
    stage.watchdog = open_watchdog(WATCHDOG_TIMEOUT)


def find_root(stage: Stage1) -> None:
    """The block device of the root image."""
    line = stage.cmdline
    if line is None or line.root is None:
        raise RootError("the command line has no valid ophite.root=verity or ophite.root=initramfs")
    if line.root is RootKind.INITRAMFS:
        stage.device = loop.attach(ROOT_FILE)
    elif line.verity is None:
        raise RootError("ophite.root=verity needs a valid ophite.verity=ROOTHASH:SALT:BLOCKS")
    else:
        stage.device = open_verity(wait_for_partition(line.verity, DEVICE_WAIT * line.patience), line.verity, stage.log)


def wait_for_partition(verity: dm.Verity, limit: float) -> str:
    """The partition that carries the root hash, which may appear up to `limit` seconds later."""
    deadline = time.monotonic() + limit
    while True:
        node, tried = find_partition(verity.partition_guid)
        if node:
            return node
        if time.monotonic() >= deadline:
            wanted = f"no partition {verity.partition_guid} for root hash {verity.root_hash} within {limit:.0f} s"
            raise RootError("; ".join([wanted, *tried]))
        time.sleep(0.05)


def open_verity(partition: str, verity: dm.Verity, log: Log) -> str:
    """The verified device over a partition; RootError names the expected hash and what does not match it."""
    expected = f"{partition} must have root hash {verity.root_hash}"
    log.info("root found", partition=partition, root_hash=verity.root_hash)
    size = device_size(partition)
    if size < verity.size():
        raise RootError(f"{expected}, but it is truncated: {size} of {verity.size()} bytes")
    device = dm.create(ROOT_NAME)
    dm.load_verity(ROOT_NAME, partition, verity)
    for block in sorted({0, verity.blocks - 1}):
        try:
            read_block(device, block)
        except OSError as error:
            dm.remove(ROOT_NAME)
            raise RootError(f"{expected}, but data block {block} does not match the hash tree ({error.strerror})") from error
    dm.load_verity(ROOT_NAME, partition, verity, dm.PANIC)
    return device


def read_block(device: str, block: int) -> bytes:
    """One block of a device; OSError when dm-verity finds it damaged."""
    with open(device, "rb", buffering=0) as file:
        file.seek(block * dm.BLOCK)
        return file.read(dm.BLOCK)


def mount_root(stage: Stage1) -> None:
    """EROFS, read-only, at /sysroot."""
    os.makedirs(SYSROOT, exist_ok=True)
    mount(stage.device, SYSROOT, "erofs", MS_RDONLY | MS_NODEV)


def switch_root(_: Stage1) -> None:
    """Make the image the root, give the initramfs' memory back, and import from the image from now on."""
    for target in MOVED:
        mount(target, SYSROOT + target, flags=MS_MOVE)
    remove_tree("/", os.stat("/").st_dev)
    os.chdir(SYSROOT)
    mount(".", "/", flags=MS_MOVE)
    os.chroot(".")
    os.chdir("/")
    sys.path[:] = PYTHON_PATH
    sys.path_importer_cache.clear()


def remove_tree(directory: str, device: int) -> None:
    """Delete everything below `directory` that is on `device`; mount points of others stay."""
    with os.scandir(directory) as entries:
        for entry in list(entries):
            with suppress(OSError):
                if entry.stat(follow_symlinks=False).st_dev != device:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    remove_tree(entry.path, device)
                    os.rmdir(entry.path)
                else:
                    os.unlink(entry.path)


STEPS = (
    Step("pseudo file systems", mount_pseudo, DEGRADE),
    Step("log", start_log, DEGRADE),
    Step("command line", read_command_line, FATAL),
    Step("modules of the root", load_root_modules, DEGRADE),
    Step("watchdog", start_watchdog, DEGRADE),
    Step("find the root", find_root, FATAL),
    Step("mount the root", mount_root, FATAL),
    Step("switch root", switch_root, FATAL),
)


def run(steps: tuple[Step, ...] = STEPS) -> Stage1:
    """Go through the table; does not return after a fatal failure."""
    stage = Stage1()
    for step in steps:
        try:
            step.action(stage)
        except Exception as error:  # noqa: BLE001 - the table decides what a failure means, whatever it is
            stage.log.error("stage 1: step failed", step=step.name, then=step.on_failure, error=error)
            if step.on_failure is FATAL:
                give_up(stage)
    return stage


def give_up(stage: Stage1) -> NoReturn:
    """Leave the reason on the console for a while, then reboot; hold where `panic=0` asks for it."""
    hold = stage.cmdline is not None and stage.cmdline.hold
    stage.log.error("no root can be mounted", then="hold" if hold else "reboot", seconds=0 if hold else REBOOT_AFTER)
    deadline = time.monotonic() + REBOOT_AFTER
    while hold or time.monotonic() < deadline:
        if stage.watchdog is not None:
            os.write(stage.watchdog, b"\0")
        time.sleep(1)
    power(PowerAction.REBOOT)
    raise SystemExit(1)
