"""WifiStatusController: how each wireless link fares, in the words of its wpa_supplicant."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from controllers.config.documents.wifi_config import WifiConfig
from controllers.network.wifi_presence import ABSENT, has_wifi
from controllers.network.wifi_report import WifiReport
from controllers.ports import Ports
from controllers.resources.network import LinkStatus, WifiStatus
from controllers.runtime.controller import Controller, Input, Output, View, Wanted

NO_LINK = "there is no such link: the device is not there, or its driver or firmware is not in this image"


class Watch(Protocol):
    """What follows a link."""

    report: WifiReport

    async def run(self) -> None:
        """Follow until cancelled."""
        ...


Factory = Callable[[str, Callable[[], None]], Watch]
"""Makes the watch of a link; the second argument is called when its report changed."""


class WifiStatusController(Controller):
    """WifiConfig, the link, and wpa_supplicant → WifiStatus."""

    name = "network.WifiStatusController"
    inputs = (Input(WifiConfig), Input(LinkStatus))
    outputs = (Output(WifiStatus),)

    def __init__(self, ports: Ports, factory: Factory) -> None:
        self._paths = ports.paths
        self._factory = factory
        self._watches: dict[str, Watch] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake: Callable[[], None] = lambda: None

    async def run(self, wake: Callable[[], None]) -> None:
        """Hand `wake` to the watches."""
        self._wake = wake
        wake()
        await asyncio.Event().wait()

    async def reconcile(self, view: View) -> list[Wanted]:
        names = [document.spec.name for document in view.list(WifiConfig)]
        there = has_wifi(self._paths)
        followed = {name for name in names if there and view.find(LinkStatus, name) is not None}
        for name in self._tasks.keys() - followed:
            await self._stop(name)
        for name in followed:
            self._start(name)
        return [Wanted(name, self._describe(name, there)) for name in names]

    async def close(self) -> None:
        """Stop following; wpa_supplicant goes on."""
        for name in list(self._tasks):
            await self._stop(name)

    def _describe(self, name: str, there: bool) -> WifiStatus:
        if not there:
            return WifiStatus(link=name, state="unavailable", error=ABSENT)
        watch = self._watches.get(name)
        if watch is None:
            return WifiStatus(link=name, state="no link", error=NO_LINK)
        found = watch.report
        return WifiStatus(link=name, **{field: getattr(found, field) for field in found.__struct_fields__})

    def _start(self, name: str) -> None:
        task = self._tasks.get(name)
        if task is None or task.done():
            self._watches[name] = self._factory(name, lambda: self._wake())
            self._tasks[name] = asyncio.create_task(self._watches[name].run(), name=f"wifi {name}")

    async def _stop(self, name: str) -> None:
        task = self._tasks.pop(name)
        del self._watches[name]
        task.cancel()
        await asyncio.wait({task}, timeout=5)
