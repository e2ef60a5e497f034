"""`inspect.sockets` and `inspect.mounts`: who listens, and what is mounted where."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Any

from controllers.machine.operations.table import Nothing, method

if TYPE_CHECKING:
    from pathlib import Path

    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method

LIMIT = 4096
"""The most sockets or mounts of one answer."""

# Kinds of file systems that hold no data: asking them for their size is of no use.
_SIZELESS = frozenset({"proc", "sysfs", "cgroup2", "bpf", "devpts", "securityfs", "tracefs", "debugfs", "mqueue", "nsfs"})


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table. Both read /proc in a thread, because that may take a while."""

    async def sockets(request: Nothing) -> list[dict[str, Any]]:
        return await asyncio.to_thread(list_sockets)

    async def mounts(request: Nothing) -> list[dict[str, Any]]:
        return await asyncio.to_thread(list_mounts, ports.paths.proc / "self/mountinfo")

    return [method("inspect.sockets", Nothing, sockets), method("inspect.mounts", Nothing, mounts)]


def list_sockets() -> list[dict[str, Any]]:
    """Return listening TCP sockets and unconnected UDP sockets, by protocol and port; pid 0 where the owner is unknown."""
    import psutil

    found = []
    names: dict[int, str] = {}
    for one in psutil.net_connections(kind="inet"):
        listens = one.status == psutil.CONN_LISTEN or (one.type == socket.SOCK_DGRAM and not one.raddr)
        if not listens or not one.laddr:
            continue
        protocol = ("tcp" if one.type == socket.SOCK_STREAM else "udp") + ("6" if one.family == socket.AF_INET6 else "")
        pid = one.pid or 0
        if pid not in names:
            names[pid] = _name(pid)
        found.append({"protocol": protocol, "address": one.laddr.ip, "port": one.laddr.port, "pid": pid, "process": names[pid]})
    return sorted(found, key=lambda entry: (entry["protocol"], entry["port"], entry["address"]))[:LIMIT]


def list_mounts(mountinfo: Path) -> list[dict[str, Any]]:
    """Return what is mounted, in the order of mounting; sizes in bytes."""
    from init.linux.mount import parse_mountinfo

    mounts = parse_mountinfo(mountinfo.read_text(encoding="utf-8", errors="replace"))[:LIMIT]
    return [
        {
            "target": mount.target,
            "source": mount.source,
            "filesystem": mount.fstype,
            "options": mount.options,
            **_sizes(mount.target, mount.fstype),
        }
        for mount in mounts
    ]


def _sizes(target: str, filesystem: str) -> dict[str, int]:
    if filesystem in _SIZELESS:
        return {}
    try:
        found = os.statvfs(target)
    except OSError:
        return {}
    return {"size": found.f_blocks * found.f_frsize, "available": found.f_bavail * found.f_frsize}


def _name(pid: int) -> str:
    import psutil

    if not pid:
        return ""
    try:
        name: str = psutil.Process(pid).name()
    except psutil.Error:
        return ""
    return name
