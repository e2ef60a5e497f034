"""`inspect.processes` and `inspect.memory`: what runs, and what the three own processes cost."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from controllers.machine.operations.table import API_UID, Nothing, method

if TYPE_CHECKING:
    from pathlib import Path

    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method

LIMIT = 4096  # processes of one answer
COMMAND_LIMIT = 400  # characters of a command line
_KTHREADD = 2  # parent of every kernel thread (kernel/kthread.c)
_FIELDS = ("pid", "ppid", "uids", "name", "cmdline", "exe", "status", "memory_info", "cpu_times", "num_threads")


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table. Both read /proc in a thread, because that may take a while."""

    async def processes(request: Nothing) -> dict[str, Any]:
        return await asyncio.to_thread(list_processes)

    async def memory(request: Nothing) -> dict[str, Any]:
        return await asyncio.to_thread(measure_memory, ports.paths.proc)

    return [method("inspect.processes", Nothing, processes), method("inspect.memory", Nothing, memory)]


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


def measure_memory(proc: Path) -> dict[str, Any]:
    """Return the memory of init, controllers and api, and of the machine; bytes."""
    pids = {"init": 1, "controllers": os.getpid(), "api": find_api(proc)}
    uses = [{"name": name, "pid": pid, **_rollup(proc, pid)} for name, pid in pids.items() if pid]
    machine = parse_table((proc / "meminfo").read_text())
    return {"processes": uses, "total": machine.get("MemTotal", 0), "available": machine.get("MemAvailable", 0)}


def find_api(proc: Path) -> int:
    """Return the pid of the API server: the process whose user id is the API's own; 0 when it does not run."""
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if entry.stat().st_uid == API_UID and b"api/server/__main__" in (entry / "cmdline").read_bytes():
                return int(entry.name)
        except OSError:
            continue
    return 0


def parse_table(text: str) -> dict[str, int]:
    """Return the `Name: N kB` lines of a file of proc(5), in bytes."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if len(words) == 2 and words[0].isdigit() and words[1] == "kB":
            found[name] = int(words[0]) * 1024
    return found


def _rollup(proc: Path, pid: int) -> dict[str, int]:
    try:
        table = parse_table((proc / str(pid) / "smaps_rollup").read_text())
    except OSError:
        table = {}
    private = table.get("Private_Clean", 0) + table.get("Private_Dirty", 0)
    return {"resident": table.get("Rss", 0), "proportional": table.get("Pss", 0), "private": private}
