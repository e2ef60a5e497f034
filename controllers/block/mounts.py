"""What is mounted: /proc/self/mountinfo → `MountStatus`.

The kernel tells of a change by POLLERR on the open file (proc_pid_mountinfo(5)). Mounts below containers' and pods'
directories are left out: there are hundreds, and they are not the machine's.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Iterable
from pathlib import Path

from controllers.ports import Ports
from controllers.resources.block import MountStatus
from controllers.runtime.controller import Controller, Output, View, Wanted
from init.linux.mount import parse_mountinfo

LIMIT = 8 * 1024 * 1024
NOT_OURS = ("/var/lib/kubelet/", "/run/containerd/", "/run/ophite/containerd/", "/var/lib/containerd/", "/run/netns/")


def list_mounts(text: str) -> dict[str, MountStatus]:
    """Return the topmost mount of each target in a mountinfo text, containers' mounts left out."""
    found = {}
    for one in parse_mountinfo(text):
        if not one.target.startswith(NOT_OURS):
            found[one.target] = MountStatus(source=one.source, target=one.target, filesystem=one.fstype, options=one.options)
    return found


class MountsController(Controller):
    """/proc/self/mountinfo → `MountStatus`, one per target."""

    name = "block.MountsController"
    outputs = (Output(MountStatus),)

    def __init__(self, ports: Ports) -> None:
        self._path = ports.paths.proc / "self/mountinfo"

    def reconcile(self, view: View) -> Iterable[Wanted]:
        with Path(self._path).open("rb") as file:
            text = file.read(LIMIT).decode("utf-8", "surrogateescape")
        for target, status in list_mounts(text.encode("utf-8", "replace").decode()).items():
            yield Wanted(target, status)

    async def run(self, wake: Callable[[], None]) -> None:
        """Wake when something is mounted or unmounted."""
        loop = asyncio.get_running_loop()
        with self._path.open("rb") as file, select.epoll() as poll:
            poll.register(file.fileno(), select.EPOLLERR | select.EPOLLPRI | select.EPOLLET)
            changed = asyncio.Event()
            loop.add_reader(poll.fileno(), changed.set)
            try:
                while True:
                    wake()
                    await changed.wait()
                    poll.poll(0)
                    changed.clear()
            finally:
                loop.remove_reader(poll.fileno())
