"""`inspect.memory`: what the three own processes cost, what each control group holds, and what the kernel keeps for itself.

Sources: proc(5) for meminfo and smaps_rollup; Documentation/admin-guide/cgroup-v2.rst, "Memory Interface Files".
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from controllers.machine.operations.table import API_UID, Nothing, method

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method

GROUPS_LIMIT = 64  # control groups of one answer
DEPTH = 2  # `ophite/kubelet`, `kubepods/besteffort`: what is below is the pods' own
KERNEL = ("Cached", "Buffers", "Shmem", "Slab", "SUnreclaim", "KernelStack", "PageTables", "Percpu", "SwapTotal", "SwapFree")
# Field of the answer → name in memory.stat.
STATISTICS = {"anonymous": "anon", "file": "file", "kernel": "kernel"}


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the line of the table. It reads in a thread, because that may take a while."""

    async def memory(request: Nothing) -> dict[str, Any]:
        return await asyncio.to_thread(measure_memory, ports.paths.proc, ports.paths.sys / "fs/cgroup")

    return [method("inspect.memory", Nothing, memory)]


def measure_memory(proc: Path, cgroups: Path) -> dict[str, Any]:
    """Return the memory of init, controllers and api, of the control groups, and of the machine; bytes."""
    pids = {"init": 1, "controllers": os.getpid(), "api": find_api(proc)}
    uses = [{"name": name, "pid": pid, **_rollup(proc, pid)} for name, pid in pids.items() if pid]
    machine = parse_table((proc / "meminfo").read_text())
    return {
        "processes": uses,
        "total": machine.get("MemTotal", 0),
        "available": machine.get("MemAvailable", 0),
        "kernel": {name: machine[name] for name in KERNEL if name in machine},
        "groups": list(measure_groups(cgroups)),
    }


def measure_groups(top: Path) -> Iterator[dict[str, Any]]:
    """Yield what each control group down to `DEPTH` holds, its subgroups included; nothing where there is no cgroup v2."""
    found = (path.parent for depth in range(1, DEPTH + 1) for path in top.glob("/".join("*" * depth) + "/memory.current"))
    for directory in sorted(found)[:GROUPS_LIMIT]:
        try:
            statistics = dict(line.split() for line in (directory / "memory.stat").read_text().splitlines())
            yield {
                "name": str(directory.relative_to(top)),
                "current": int((directory / "memory.current").read_text()),
                "peak": _read_number(directory / "memory.peak"),
                **{field: int(statistics.get(name, 0)) for field, name in STATISTICS.items()},
            }
        except (OSError, ValueError):
            continue  # it went away meanwhile


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


def _read_number(path: Path) -> int:
    """Return a number of a file, 0 where the kernel is too old to have it."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _rollup(proc: Path, pid: int) -> dict[str, int]:
    try:
        table = parse_table((proc / str(pid) / "smaps_rollup").read_text())
    except OSError:
        table = {}
    private = table.get("Private_Clean", 0) + table.get("Private_Dirty", 0)
    return {"resident": table.get("Rss", 0), "proportional": table.get("Pss", 0), "private": private}
