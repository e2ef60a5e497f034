"""What a machine with little memory gets: swap in compressed memory (zram), and huge pages only for who asks for them.

Pages that nobody touches for long (of which interpreters and Go programs have many) are kept at about a third of their size,
so there is more for pods before anybody is killed; nothing is ever written to a disk. The kernel's own choice to back memory
with huge pages costs resident memory that no program of a node needs.
Sources: the kernel's admin-guide/blockdev/zram.rst and admin-guide/mm/transhuge.rst.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from uuid import UUID

from controllers.block.swap import read_swaps, render_header, swap_on
from controllers.block.sysfs import read_number
from controllers.ports import Ports
from controllers.resources.machine import KernelModuleStatus, MemoryStatus, PlatformInfo
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.services.memory_profile import MemoryProfile, find_profile

MODULE = "zram"
DEVICE = "zram0"
PRIORITY = 100  # before swap on a disk
ON_REQUEST = "madvise"
NO_ID = UUID(int=0)
LOADED = ("loaded", "builtin")

SwapOn = Callable[[str, int], None]


class MemoryApplyController(Controller):
    """The profile of the machine's memory → /sys, swapon(2) → `MemoryStatus`. In namespaces the kernel is the host's."""

    name = "machine.MemoryApplyController"
    inputs = (Input(PlatformInfo, id="platform"), Input(KernelModuleStatus, id=MODULE))
    outputs = (Output(MemoryStatus),)
    inline = False

    def __init__(self, ports: Ports, swap_on: SwapOn = swap_on) -> None:
        self._paths = ports.paths
        self._memory = ports.memory
        self._profile = find_profile(ports.memory)
        self._swap_on = swap_on

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """One status; what fails is in it, and costs nothing but memory."""
        swap, error = 0, ""
        if self._profile.compressed and view.get(PlatformInfo, "platform").spec.platform != "namespaces":
            module = view.get(KernelModuleStatus, MODULE).spec
            try:
                write(self._paths.sys / "kernel/mm/transparent_hugepage/enabled", ON_REQUEST)
                if module.state not in LOADED:
                    raise OSError(f"{MODULE}: {module.error or module.state}")
                swap = self._make_swap(self._profile)
            except OSError as problem:
                error = str(problem)
        status = MemoryStatus(profile=self._profile.name, total=self._memory, compressed=swap, error=error)
        return [Wanted("memory", status)]

    def _make_swap(self, profile: MemoryProfile) -> int:
        """Make the swap space unless it is there, also by a brain before this one; its size in bytes. Raises `OSError`."""
        device = self._paths.dev / DEVICE
        sysfs = self._paths.sys / "block" / DEVICE
        size, page = read_number(sysfs / "disksize"), os.sysconf("SC_PAGE_SIZE")
        if str(device) in read_swaps(self._paths.proc / "swaps"):
            return size
        if size == 0:
            size = self._memory * profile.compressed // 100 // page * page
            write(sysfs / "disksize", str(size))
        with device.open("r+b") as file:
            file.write(render_header(size, page, "compressed", NO_ID))
        self._swap_on(str(device), PRIORITY)
        return size


def write(path: Path, text: str) -> None:
    """Write a file of sysfs. Raises `OSError`."""
    with path.open("w", encoding="ascii") as file:
        file.write(text)
