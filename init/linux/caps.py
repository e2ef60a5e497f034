"""Capabilities of a process that is about to exec a service (capabilities(7)).

Order matters: drop from the bounding set while still privileged, keep capabilities over setuid(2), then set the wanted ones; a
user other than root keeps them over execve(2) only as ambient ones.
"""

import ctypes
import os
import struct
from collections.abc import Iterable

from init.linux.syscalls import call

# linux/capability.h, in the order of their numbers
_NAMES = """
CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST
NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE
SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
"""
CAPABILITIES = tuple(f"CAP_{name}" for name in _NAMES.split())
NUMBERS = {name: number for number, name in enumerate(CAPABILITIES)}
VERSION_3 = 0x20080522
# sys/prctl.h
PR_SET_KEEPCAPS = 8
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2


def set_no_new_privs() -> None:
    """No exec of this process or its children gains privileges any more; cannot be undone."""
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, what="no_new_privs")


def change_user(uid: int, gid: int, groups: Iterable[int], capabilities: Iterable[str] | None) -> None:
    """Become `uid`:`gid` with exactly `capabilities` (None: what the user change leaves, all for root). Cannot be undone."""
    wanted = None if capabilities is None else {NUMBERS[name] for name in capabilities}
    if wanted is not None:
        _drop_bounding(wanted)
        call("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0, what="keep capabilities")
    os.setgroups(list(groups))
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if wanted is not None:
        _set_capabilities(wanted)
        for number in wanted if uid else ():
            call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0, what=CAPABILITIES[number])


def _drop_bounding(keep: set[int]) -> None:
    number = 0
    while number < 64:
        try:
            present = call("prctl", PR_CAPBSET_READ, number, 0, 0, 0)
        except OSError:  # past this kernel's last capability
            return
        if present and number not in keep:
            call("prctl", PR_CAPBSET_DROP, number, 0, 0, 0, what=f"capability {number}")
        number += 1


def _set_capabilities(wanted: set[int]) -> None:
    bits = sum(1 << number for number in wanted)
    low, high = bits & 0xFFFFFFFF, bits >> 32
    header = ctypes.create_string_buffer(struct.pack("=Ii", VERSION_3, 0))
    call("capset", header, struct.pack("=6I", low, low, low, high, high, high), what=f"{bits:#x}")
