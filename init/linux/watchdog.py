"""The hardware watchdog: opening it starts it, and from then on a PID 1 that hangs ends in a reset."""

import fcntl
import os
import struct
from contextlib import suppress

WDIOC_SETTIMEOUT = 0xC0045706  # linux/watchdog.h
LEAST = 10  # seconds; below that the device keeps the time-out that it has


def open_watchdog(timeout: int, path: str = "/dev/watchdog") -> int | None:
    """Open the watchdog, which starts it, with `timeout` seconds or the half, quarter, … that it takes; None where none is."""
    if not os.path.exists(path):
        return None
    device = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    while timeout >= LEAST:
        with suppress(OSError):
            fcntl.ioctl(device, WDIOC_SETTIMEOUT, struct.pack("i", timeout))
            break
        timeout //= 2
    return device


def pet(device: int | None) -> None:
    """Say that PID 1 is alive, where there is a watchdog; only for a loop that makes progress."""
    if device is not None:
        with suppress(OSError):
            os.write(device, b"\0")
