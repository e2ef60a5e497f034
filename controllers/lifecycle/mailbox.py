"""The property mailbox of a Raspberry Pi's firmware: one request, one answer, without the kernel's help.

A request is a buffer of words at a physical address that is put into the mailbox's register; the firmware writes its answer
over it. Raspberry Pi's kernel has `/dev/vcio` for that, mainline keeps it for its own drivers. There the registers and a page
that the device tree reserves are mapped by `/dev/mem`. The kernel's driver takes the notice that an answer is there, and finds
that it waits for none; so nothing else may be at work: ask only as the last program before a reboot.
Sources: Raspberry Pi firmware wiki, "Mailbox property interface"; Linux, drivers/mailbox/bcm2835-mailbox.c (registers),
drivers/firmware/raspberrypi.c (tags); Raspberry Pi's Linux, drivers/char/broadcom/vcio.c (the ioctl).
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

GET_REBOOT_FLAGS, SET_REBOOT_FLAGS = 0x00030064, 0x00038064
TRYBOOT = 1
"""Bit of the flags: boot what `[tryboot]` says, once."""
REQUEST, ANSWERED = 0, 0x80000000
CHANNEL = 8
"""Of property requests by the ARM processors."""
STATUS, WRITE, FULL = 0x38, 0x20, 0x80000000
"""Offsets of mailbox 1 and of its status in the registers, and the bit that says that there is no room."""
SIZE = 0x40
IOCTL_PROPERTY = 0xC0086400
"""_IOWR(100, 0, char *) on a 64-bit machine."""
PAGE, PAGE_NODE = 0x100000, "reserved-memory/ophite@100000"
"""Physical address of the page; the image's overlay names the same."""
WAIT, INTERVAL = 2.0, 0.001
"""Seconds for the firmware to answer, and between two looks."""

Exchange = Callable[[bytes], bytes]
"""Takes a request and returns the buffer as the firmware left it. Raises `OSError`."""


class MailboxError(OSError):
    """The firmware does not know the request, or does not answer."""


def encode(tag: int, value: int) -> bytes:
    """Return a request with one tag that takes and gives one word."""
    return struct.pack("<7I", 28, REQUEST, tag, 4, REQUEST, value, 0).ljust(32, b"\0")


def decode(data: bytes, tag: int) -> int:
    """Return the word of an answer. Raises `MailboxError`."""
    _, status, found, _, answered, value = struct.unpack_from("<6I", data)
    if status != ANSWERED or found != tag or answered != ANSWERED | 4:  # four bytes of it
        raise MailboxError(0, f"the firmware does not know request {tag:#x} (it answered {status:#x}, {answered:#x})")
    return int(value)


def arm(exchange: Exchange) -> None:
    """Set the flag and read it back. Raises `OSError`."""
    decode(exchange(encode(SET_REBOOT_FLAGS, TRYBOOT)), SET_REBOOT_FLAGS)
    if not decode(exchange(encode(GET_REBOOT_FLAGS, 0)), GET_REBOOT_FLAGS) & TRYBOOT:
        raise MailboxError(0, "the firmware took the flag and does not keep it")


def ask_vcio(device: Path) -> Exchange:
    """Return how Raspberry Pi's kernel is asked. Raises `OSError` when it has no such device."""
    fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)

    def exchange(request: bytes) -> bytes:
        buffer = bytearray(request)
        fcntl.ioctl(fd, IOCTL_PROPERTY, buffer, True)
        return bytes(buffer)

    return exchange


def find_registers(sys: Path) -> int | None:
    """Return the physical address of the mailbox that the kernel's driver has, None without one."""
    found = sorted(sys.glob("bus/platform/drivers/bcm2835-mbox/*.mailbox"))
    return int(found[0].name.partition(".")[0], 16) if found else None


def find_alias(proc: Path) -> int:
    """Return what the firmware's view of memory adds to a physical address: where the bus sees address 0, uncached."""
    try:
        ranges = (proc / "device-tree/soc/dma-ranges").read_bytes()
    except OSError:
        return 0
    return int.from_bytes(ranges[:4], "big") or int.from_bytes(ranges[4:8], "big")


def ask_memory(device: Path, registers: int, alias: int) -> Exchange:
    """Return how it is asked by `/dev/mem`. In: physical address of the registers. Raises `OSError`."""
    fd = os.open(device, os.O_RDWR | os.O_SYNC | os.O_CLOEXEC)
    base = registers // mmap.PAGESIZE * mmap.PAGESIZE
    box = memoryview(mmap.mmap(fd, mmap.PAGESIZE, offset=base)).cast("I")
    page = memoryview(mmap.mmap(fd, mmap.PAGESIZE, offset=PAGE)).cast("I")
    at = (registers - base) // 4
    words = box[at : at + SIZE // 4]
    return lambda request: exchange_words(words, page, (PAGE + alias) | CHANNEL, request)


def exchange_words(registers: memoryview, page: memoryview, message: int, request: bytes) -> bytes:
    """Put a request into the page and its address into the mailbox; wait for the answer. Raises `MailboxError`.

    Word by word: a device takes no other access.
    """
    words = struct.unpack(f"<{len(request) // 4}I", request)
    for at, word in enumerate(words):
        page[at] = word
    _wait(lambda: not registers[STATUS // 4] & FULL, "there is no room in the mailbox")
    registers[WRITE // 4] = message
    _wait(lambda: page[1] != REQUEST, "the firmware does not answer")
    return struct.pack(f"<{len(words)}I", *(page[at] for at in range(len(words))))


def _wait(is_over: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT
    while not is_over():
        if time.monotonic() > deadline:
            raise MailboxError(0, f"{what} for {WAIT:.0f} s")
        time.sleep(INTERVAL)
