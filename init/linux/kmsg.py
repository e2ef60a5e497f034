"""The kernel's log: written by PID 1 and the brain, read for `dmesg` (Documentation/ABI/testing/dev-kmsg).

Trap: the kernel drops what user space writes too fast (10 lines in 5 s) unless `kernel.printk_devkmsg` is `on`, and cuts a
record at about 1000 bytes; so the switch is set when the log is opened and long lines are split.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

# sys/syslog.h
LOG_ERR = 3
LOG_WARNING = 4
LOG_INFO = 6
LINE_LIMIT = 900  # bytes of one record
RECORD_LIMIT = 8192  # bytes that one read may return
DEVICE = "/dev/kmsg"


class Record(NamedTuple):
    """One record: level 0 to 7, facility (0 = kernel), sequence number, microseconds since boot, text without escapes."""

    level: int
    facility: int
    sequence: int
    microseconds: int
    text: str


class Log:
    """Writes lines to /dev/kmsg with a level, or to a plain stream where the kernel's log belongs to somebody else."""

    def __init__(self, descriptor: int, name: str = "init", *, plain: bool = False) -> None:
        self._descriptor, self._name, self._plain = descriptor, name, plain

    def info(self, message: str, **fields: object) -> None:
        """A step that went as it should."""
        self._write(LOG_INFO, message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """Something is degraded; the node goes on."""
        self._write(LOG_WARNING, message, fields)

    def error(self, message: str, **fields: object) -> None:
        """Something failed that a person has to look at."""
        self._write(LOG_ERR, message, fields)

    def exception(self, where: str, error: BaseException) -> None:
        """An error with the places it came through, on one line: PID 1 goes on after it."""
        places, frame = [], error.__traceback__
        while frame is not None:
            places.append(f"{frame.tb_frame.f_code.co_name}:{frame.tb_lineno}")
            frame = frame.tb_next
        self.error("exception", where=where, kind=type(error).__name__, error=error, places=" > ".join(places))

    def _write(self, level: int, message: str, fields: dict[str, object]) -> None:
        text = " ".join([message, *(render_field(key, str(value)) for key, value in fields.items())])
        prefix = f"ophite: {self._name}: " if self._plain else f"<{level}>ophite: {self._name}: "
        for line in text.splitlines() or [""]:
            data = line.encode("utf-8", "replace")
            for start in range(0, len(data) or 1, LINE_LIMIT):
                with suppress(OSError):  # a log that cannot be written must not stop PID 1
                    os.write(self._descriptor, prefix.encode() + data[start : start + LINE_LIMIT] + b"\n")


def render_field(key: str, value: str) -> str:
    """`key=value`, in quotes where the value has spaces or none at all."""
    return f"{key}={value}" if value and not any(character.isspace() for character in value) else f'{key}="{value}"'


def open_log(name: str = "init", *, plain: bool = False) -> Log:
    """The kernel's log, else standard error (`plain`, or no /dev/kmsg)."""
    if plain:
        return Log(2, name, plain=True)
    with suppress(OSError), open("/proc/sys/kernel/printk_devkmsg", "w", encoding="ascii") as switch:
        switch.write("on\n")
    try:
        return Log(os.open(DEVICE, os.O_WRONLY | os.O_CLOEXEC), name)
    except OSError:
        return Log(2, name, plain=True)


def parse_record(data: bytes) -> Record | None:
    """Decode one record as /dev/kmsg gives it; None for what is no record. Continuation lines (KEY=value) are left out."""
    head, separator, rest = data.partition(b";")
    fields = head.split(b",")
    if not separator or len(fields) < 3 or not all(field.isdigit() for field in fields[:3]):
        return None
    priority, sequence, microseconds = (int(field) for field in fields[:3])
    text = _unescape(rest.partition(b"\n")[0]).decode("utf-8", "replace")
    return Record(priority & 7, priority >> 3, sequence, microseconds, text)


def open_reader(*, from_start: bool = True) -> int:
    """A non-blocking descriptor of the log, to be polled and given to `read_records`."""
    reader = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not from_start:
        os.lseek(reader, 0, os.SEEK_END)
    return reader


def read_records(reader: int) -> Iterator[Record]:
    """What is there now; ends when there is no more for the moment. Overwritten records (EPIPE) are passed over."""
    while True:
        try:
            record = parse_record(os.read(reader, RECORD_LIMIT))
        except BrokenPipeError:
            continue
        except BlockingIOError:
            return
        if record is not None:
            yield record


def _unescape(data: bytes) -> bytes:
    head, *parts = data.split(b"\\x")
    for part in parts:
        try:
            head += bytes([int(part[:2], 16)]) + part[2:]
        except ValueError:
            head += b"\\x" + part
    return head
