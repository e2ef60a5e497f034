"""Carries out a `WipePlan`: zeros over devices, partitions out of tables. Nothing that fails keeps the rest from being done.

BLKZEROOUT (linux/fs.h) is what a device does fastest for blocks that read as zeros afterwards: deallocation where that gives
zeros, writing them where it does not. BLKDISCARD before it lets a flash disk forget its cells too, but is never relied on.
Trap: a file system that could not be unmounted writes back what it still holds, so it is shut down first, and sync(2) is
never called. What flash has moved to spare cells is out of anybody's reach but the disk's own: encrypt it beforehand.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from controllers.block import gpt
from controllers.block.wipe_plan import END, DropEntries, DropRecord, EraseAll, EraseEnds, WipePlan, WipeStep
from controllers.block.wipe_record import RecordKeeper
from init.linux.mount import read_mounts

# linux/fs.h: _IO(0x12, …) and _IOR(0x12, 114, size_t)
BLKSSZGET = 0x1268
BLKDISCARD = 0x1277
BLKZEROOUT = 0x127F
BLKGETSIZE64 = 0x80081272
FS_IOC_SHUTDOWN = 0x8004587D  # fs/ext4/ext4.h, fs/xfs/libxfs/xfs_fs.h: _IOR('X', 125, __u32)
NO_LOG_FLUSH = 2  # its flag: write nothing more, not even the journal
PIECE = 64 << 20
"""Bytes of one request: small enough that the limit counts on a slow disk, too."""
SPOT = 1 << 20  # bytes that are given up where a disk has a bad sector
SHOWN = 8  # reports of one device
WRITE_INSTEAD = (errno.EBUSY, errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL)
"""Of BLKZEROOUT. EBUSY: the device is still mounted, or mapped by dm-crypt; writing is allowed even then."""

Say = Callable[[str], None]
Now = Callable[[], float]


@dataclass
class Outcome:
    """What was overwritten of what was to be, in bytes, and what could not be done; `failed`: on which devices."""

    wanted: int = 0
    done: int = 0
    problems: list[str] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)

    def fail(self, device: str, problem: str) -> None:
        """Note what could not be done."""
        self.failed.add(device)
        self.problems.append(problem)

    def describe(self) -> str:
        """Say it in a line."""
        head = f"{self.done} of {self.wanted} bytes overwritten"
        return f"{head}; NOT done: {'; '.join(self.problems)}" if self.problems else head


@dataclass(frozen=True, slots=True)
class Device:
    """An open device or image."""

    path: str
    fd: int
    size: int
    sector_size: int
    block: bool

    def zero(self, offset: int, length: int) -> None:
        """Make a range read as zeros. Raises `OSError`."""
        if self.block:
            try:
                fcntl.ioctl(self.fd, BLKZEROOUT, struct.pack("QQ", offset, length))
                return
            except OSError as error:
                if error.errno not in WRITE_INSTEAD:
                    raise
        zeros = memoryview(bytes(min(length, 1 << 20)))
        while length > 0:
            written = os.pwrite(self.fd, zeros[:length], offset)
            offset, length = offset + written, length - written

    def flush(self) -> None:
        """Get what was written out of the disk's cache. Raises `OSError`."""
        os.fsync(self.fd)

    def discard(self, start: int) -> None:
        """Tell a flash disk that nothing from byte `start` on is needed any more; what it makes of that does not matter."""
        for offset in range(start, self.size if self.block else 0, 16 * PIECE):
            try:
                fcntl.ioctl(self.fd, BLKDISCARD, struct.pack("QQ", offset, min(16 * PIECE, self.size - offset)))
            except OSError:
                return


@contextmanager
def open_device(path: str) -> Iterator[Device]:
    """Open a device for writing, whoever else uses it. Raises `OSError`."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if stat.S_ISBLK(os.fstat(fd).st_mode):
            size = struct.unpack("Q", fcntl.ioctl(fd, BLKGETSIZE64, bytes(8)))[0]
            sector = struct.unpack("i", fcntl.ioctl(fd, BLKSSZGET, bytes(4)))[0]
            yield Device(path, fd, size, sector, block=True)
        else:
            yield Device(path, fd, os.fstat(fd).st_size, 512, block=False)
    finally:
        os.close(fd)


def carry_out(plan: WipePlan, now: Now, say: Say, keeper: RecordKeeper | None = None) -> Outcome:
    """Carry out every step, as far as the plan's limit allows; says what it does. Raises nothing.

    In: `keeper` of the plan's record, told how far it is.
    """
    keeper = keeper or RecordKeeper("", say)
    end = now() + plan.limit
    outcome = Outcome(wanted=plan.size)
    run = Run(plan, outcome, keeper, lambda: now() >= end, say)
    shut_down_filesystems({step.device for step in plan.steps if not isinstance(step, DropEntries)}, say)
    for step in plan.steps:
        if plan.strict and outcome.problems and plan.ends_record(step):
            say("META is kept, for it says that the reset is not over")
            break
        say(step.describe())
        try:
            _carry_out_step(step, run)
        except (OSError, ValueError, gpt.GptError) as error:
            device = step.disk if isinstance(step, DropEntries) else step.device
            outcome.fail(device, f"{step.describe()}: {getattr(error, 'strerror', None) or error}")
    if outcome.problems:
        keeper.fail(outcome.problems)
    return outcome


@dataclass(frozen=True, slots=True)
class Run:
    """What the steps of one plan share. `over`: whether its time is."""

    plan: WipePlan
    outcome: Outcome
    keeper: RecordKeeper
    over: Callable[[], bool]
    say: Say


def _carry_out_step(step: WipeStep, run: Run) -> None:
    """Carry out one step. Raises `OSError`, `ValueError`, `GptError`."""
    if isinstance(step, DropRecord):
        run.keeper.drop()
        return
    run.keeper.begin(step.describe())
    match step:
        case EraseEnds():
            erase_ends(step.device)
        case DropEntries():
            drop_entries(_without(step, run.outcome.failed) if run.plan.strict else step)
        case EraseAll() if run.plan.ends_record(step):
            _erase_record(step, run)
        case EraseAll():
            _erase_all(step, run)


def _erase_record(step: EraseAll, run: Run) -> None:
    """Zeros over META, over the record at last: a cut before that is continued, and one in it leaves nothing but its pieces."""
    head = run.keeper.close()
    _erase_all(replace(step, start=head), run)
    if head and step.device not in run.outcome.failed:
        with open_device(step.device) as device:
            device.zero(0, head)
            device.flush()
        run.outcome.done += head


def _without(step: DropEntries, failed: set[str]) -> DropEntries:
    """Return the step without the partitions that could not be erased: the next boot finds them by their entries."""
    pairs = [one for one in zip(step.uuids, step.devices, strict=True) if one[1] not in failed]
    return DropEntries(step.disk, tuple(uuid for uuid, _ in pairs), tuple(device for _, device in pairs))


def shut_down_filesystems(devices: Iterable[str], say: Say) -> None:
    """Have file systems that are still mounted from `devices` write nothing any more. Raises nothing."""
    numbers = {number for device in devices if (number := _find_number(device))}
    for mounted in read_mounts():
        if mounted.device not in numbers:
            continue
        say(f"{mounted.target} is still mounted; its file system is shut down")
        try:
            fd = os.open(mounted.target, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                fcntl.ioctl(fd, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
            finally:
                os.close(fd)
        except OSError as error:
            say(f"{mounted.target}: {error.strerror}")


def _find_number(device: str) -> str:
    """Return a device's number as mountinfo has it, "" for what is no block device."""
    try:
        found = Path(device).stat()
    except OSError:
        return ""
    return f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}" if stat.S_ISBLK(found.st_mode) else ""


def erase_ends(path: str) -> None:
    """Zeros over both ends of a device. Raises `OSError`."""
    with open_device(path) as device:
        device.zero(0, min(END, device.size))
        if device.size > END:
            begin = max(END, device.size - END)
            device.zero(begin, device.size - begin)
        device.flush()


def drop_entries(step: DropEntries) -> None:
    """Take the partitions out of both copies of the table; a table that is gone is fine. Raises `OSError`, `GptError`."""
    with open_device(step.disk) as device:
        table = gpt.parse(lambda offset, length: os.pread(device.fd, length, offset), device.sector_size, device.size)
        if table is None:
            return
        kept = tuple(one for one in table.partitions if str(one.uuid) not in step.uuids)
        for offset, data in gpt.encode(replace(table, partitions=kept), os.pread(device.fd, 512, 0)):
            os.pwrite(device.fd, data, offset)
            os.fsync(device.fd)


def _erase_all(step: EraseAll, run: Run) -> None:
    """Zeros over a device from `start` on, in pieces; a piece that cannot be written is passed over and counted."""
    failed, done, shown = 0, 0, step.start * SHOWN // max(step.size, 1)
    with open_device(step.device) as device:
        device.discard(step.start)
        for offset in range(step.start, device.size, PIECE):
            if run.over():
                run.outcome.fail(step.device, f"the time was over at {offset * 100 // device.size} % of {step.what}")
                break
            length = min(PIECE, device.size - offset)
            bad = _zero_around(device, offset, length, run.over)
            failed, done = failed + bad, done + length - bad
            if offset * SHOWN // device.size > shown:
                shown = offset * SHOWN // device.size
                run.say(f"{step.what}: {offset * 100 // device.size} %")
                _note(step, device, offset, failed, run.keeper)
        else:
            _note(step, device, device.size, failed, run.keeper)
        device.flush()
    run.outcome.done += done
    if failed:
        run.outcome.fail(step.device, f"{failed} bytes of {step.what} cannot be written")


def _note(step: EraseAll, device: Device, offset: int, failed: int, keeper: RecordKeeper) -> None:
    """Note how far a device is erased; what has bad spots is tried again from where it began."""
    if step.key and not failed:
        device.flush()
        keeper.erased(step.key, offset)


def _zero_around(device: Device, offset: int, length: int, over: Callable[[], bool]) -> int:
    """Zeros over a range, in small pieces where it has bad spots. Returns the bytes that cannot be written."""
    try:
        device.zero(offset, length)
    except OSError:
        if length <= SPOT or over():
            return length
        spots = range(offset, offset + length, SPOT)
        return sum(_zero_around(device, spot, min(SPOT, offset + length - spot), over) for spot in spots)
    return 0
