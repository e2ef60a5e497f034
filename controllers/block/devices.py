"""Which block devices there are: kernel announcements and sysfs → `BlockDevice`.

An event only says "look again"; what is published is always what sysfs shows, so a lost event cannot leave a wrong
picture for longer than `RESCAN` seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from controllers.block import sysfs, uevents
from controllers.ports import Ports
from controllers.resources.block import BlockDevice
from controllers.runtime.controller import Controller, Output, View, Wanted

RESCAN = 300.0


class DevicesController(Controller):
    """sysfs → one `BlockDevice` per device with a size. Wakes on every block uevent.

    In namespaces there is none: what sysfs shows there belongs to the host.
    """

    name = "block.DevicesController"
    outputs = (Output(BlockDevice),)

    def __init__(self, ports: Ports) -> None:
        self._paths = ports.paths
        self._namespaces = ports.cmdline.get("ophite.platform") == "namespaces"

    def reconcile(self, view: View) -> Iterable[Wanted]:
        if self._namespaces:
            return
        view.wake_after(RESCAN)
        for device in sysfs.list_devices(self._paths.sys, self._paths.dev):
            if device.kind != "memory":
                yield Wanted(device.name, device)

    async def run(self, wake: Callable[[], None]) -> None:
        """Wake for the first look and for every change of a block device."""
        async for event in uevents.listen():
            if event.get("SUBSYSTEM", "block") == "block":
                wake()
                await asyncio.sleep(0)
