"""What is said about each wireless link, and that nobody is followed who is not there."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from controllers.config.documents import WifiConfig
from controllers.network.wifi_report import WifiReport
from controllers.network.wifi_status import NO_LINK, WifiStatusController
from controllers.ports import Paths, Ports
from controllers.resources.network import LinkStatus, WifiStatus
from controllers.runtime.resource import Resource, Spec, new
from tests.harness.reconcile import run_reconcile_async

DOCUMENT = new("wlan0", WifiConfig.example())
LINK = new("wlan0", LinkStatus(name="wlan0", index=3, physical=True))


class FakeWatch:
    """A watch that knows what it is told."""

    def __init__(self, link: str, changed: Callable[[], None]) -> None:
        self.link, self.changed, self.report, self.life = link, changed, WifiReport(state="stopped"), ""

    async def run(self) -> None:
        self.life = "running"
        try:
            await asyncio.Event().wait()
        finally:
            self.life = "ended"


class Bench:
    """The controller and the watches that it made."""

    def __init__(self, root: Path, *, wifi: bool = True) -> None:
        (root / "usr/bin").mkdir(parents=True)
        if wifi:
            (root / "usr/bin/wpa_supplicant").touch()
        self.watches: list[FakeWatch] = []
        self.controller = WifiStatusController(Ports(paths=Paths(root)), self.make)

    def make(self, link: str, changed: Callable[[], None]) -> FakeWatch:
        self.watches.append(FakeWatch(link, changed))
        return self.watches[-1]

    async def see(self, *resources: Resource[Any]) -> list[Spec]:
        found = [wanted.spec for wanted in await run_reconcile_async(self.controller, resources)]
        await asyncio.sleep(0)
        return found


async def test_a_link_is_followed_while_it_is_there(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert await bench.see(DOCUMENT, LINK) == [WifiStatus(link="wlan0", state="stopped")]
    [watch] = bench.watches
    assert watch.life == "running"
    watch.report = WifiReport(state="connected", ssid="home", signal=-50)
    assert await bench.see(DOCUMENT, LINK) == [WifiStatus(link="wlan0", state="connected", ssid="home", signal=-50)]
    assert await bench.see(DOCUMENT) == [WifiStatus(link="wlan0", state="no link", error=NO_LINK)]
    assert watch.life == "ended"
    await bench.see(DOCUMENT, LINK)
    assert len(bench.watches) == 2
    await bench.controller.close()
    assert bench.watches[1].life == "ended"


async def test_nothing_to_say_without_a_document(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert await bench.see(LINK) == []
    assert bench.watches == []


async def test_an_image_without_wifi_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path, wifi=False)
    [status] = await bench.see(DOCUMENT, LINK)
    assert status == WifiStatus(
        link="wlan0", state="unavailable", error="Wi-Fi is not in this image; build one with `--set wifi`"
    )
    assert bench.watches == []


async def test_a_change_wakes_the_controller(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    woken: list[int] = []
    running = asyncio.create_task(bench.controller.run(lambda: woken.append(1)))
    await asyncio.sleep(0)
    await bench.see(DOCUMENT, LINK)
    bench.watches[0].changed()
    assert len(woken) == 2
    running.cancel()
    await bench.controller.close()
