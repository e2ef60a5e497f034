"""The wall clock: step it, slew it, tell the kernel that it is right."""

import ctypes
import struct
import time

from init.linux.syscalls import call

# sys/timex.h
ADJ_OFFSET_SINGLESHOT = 0x8001
ADJ_MAXERROR = 0x0004
ADJ_ESTERROR = 0x0008
ADJ_STATUS = 0x0010
_TIMEX_SIZE = 208  # struct timex of 64-bit machines
_HEAD = struct.Struct("=I4x q q q q i")  # modes, offset, freq, maxerror, esterror, status


def step(epoch: float) -> None:
    """Set the wall clock to `epoch` seconds; PermissionError without CAP_SYS_TIME."""
    time.clock_settime(time.CLOCK_REALTIME, epoch)


def slew(offset: float) -> None:
    """Drift the wall clock by `offset` seconds (at most ±0.5) at 500 ppm, as adjtime(3) does."""
    if abs(offset) > 0.5:
        raise ValueError(f"a slew of {offset:.3f} s is too long, the limit is 0.5 s: step the clock")
    _adjust(ADJ_OFFSET_SINGLESHOT, offset=int(offset * 1e6))


def mark_synchronised(error: float) -> None:
    """Tell the kernel that the clock is right within `error` seconds; it then keeps the RTC set every 11 minutes."""
    _adjust(ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR, error=int(error * 1e6))


def _adjust(modes: int, offset: int = 0, error: int = 0) -> None:
    buffer = ctypes.create_string_buffer(_HEAD.pack(modes, offset, 0, error, error, 0), _TIMEX_SIZE)
    call("adjtimex", buffer, what=f"modes {modes:#x}")
