"""`inspect.processes`: what runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from controllers.machine.operations.table import Nothing, method

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method

LIMIT = 4096  # processes of one answer
COMMAND_LIMIT = 400  # characters of a command line
_KTHREADD = 2  # parent of every kernel thread (kernel/kthread.c)
_FIELDS = ("pid", "ppid", "uids", "name", "cmdline", "exe", "status", "memory_info", "cpu_times", "num_threads")


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the line of the table. It reads /proc in a thread, because that may take a while."""

    async def processes(request: Nothing) -> dict[str, Any]:
        return await asyncio.to_thread(list_processes)

    return [method("inspect.processes", Nothing, processes)]


def list_processes() -> dict[str, Any]:
    """Return the processes by pid; those that end meanwhile are left out.

    Trap: psutil remembers the executable of a process from one call to the next, also when another has been executed since.
    """
    import psutil

    psutil.process_iter.cache_clear()
    found: list[dict[str, Any]] = []
    truncated = False
    for process in psutil.process_iter(_FIELDS, ad_value=None):
        if len(found) >= LIMIT:
            truncated = True
            break
        found.append(render_process(process.info))
    return {"processes": found, "truncated": truncated}


def render_process(info: dict[str, Any]) -> dict[str, Any]:
    """Return one process as builtins; what may not be read is empty."""
    memory, cpu, uids = info["memory_info"], info["cpu_times"], info["uids"]
    return {
        "pid": info["pid"],
        "parent": info["ppid"] or 0,
        "uid": uids.real if uids else 0,
        "name": info["name"] or "",
        "command": " ".join(info["cmdline"] or ())[:COMMAND_LIMIT],
        "executable": info["exe"] or "",
        "state": info["status"] or "",
        "memory": memory.rss if memory else 0,
        "cpu": round(cpu.user + cpu.system, 2) if cpu else 0.0,
        "threads": info["num_threads"] or 0,
        "kernel_thread": _KTHREADD in (info["pid"], info["ppid"]) and not info["cmdline"],
    }
