"""The records of the kernel's log, for `dmesg` (Documentation/ABI/testing/dev-kmsg)."""

import os
from collections.abc import Iterator
from typing import NamedTuple

from init.linux.kmsg import DEVICE

RECORD_LIMIT = 8192  # bytes that one read may return


class Record(NamedTuple):
    """One record: level 0 to 7, facility (0 = kernel), sequence number, microseconds since boot, text without escapes."""

    level: int
    facility: int
    sequence: int
    microseconds: int
    text: str


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
