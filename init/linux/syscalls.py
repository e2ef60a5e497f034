"""The one door to libc: calls that the `os` module of CPython 3.11 to 3.13 does not have.

Every failure is an OSError whose text names the call and what it was about, so that a console line is enough to understand it.
Trap: libc's flags are C longs while ctypes passes plain ints as C ints, so flag words go through `ulong`.
"""

import ctypes
import os

_LIBC = ctypes.CDLL(None, use_errno=True)

# asm/unistd_64.h, asm-generic/unistd.h: calls without a function in libc, or with one that takes less.
FINIT_MODULE, REBOOT = {"x86_64": 313, "aarch64": 273}, {"x86_64": 169, "aarch64": 142}

ulong = ctypes.c_ulong


def call(name: str, *arguments: object, what: str = "") -> int:
    """Call the libc function `name`; a result of -1 becomes an OSError that names the call and `what` (man 3 errno)."""
    ctypes.set_errno(0)
    result: int = getattr(_LIBC, name)(*arguments)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name} {what}: {os.strerror(number)}" if what else f"{name}: {os.strerror(number)}")
    return result


def syscall_number(table: dict[str, int]) -> int:
    """This machine's number for a call; OSError where the table does not know the machine."""
    machine = os.uname().machine
    if machine not in table:
        raise OSError(38, f"no system call number is known for machine {machine}")
    return table[machine]
