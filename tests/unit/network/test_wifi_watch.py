"""A link's wpa_supplicant, followed through its life."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from controllers.network.wifi_report import WifiReport
from controllers.network.wifi_watch import PAUSE_SECONDS, POLL_SECONDS, STOPPED, WifiWatch
from tests.harness.clock import FakeClock, settle
from tests.unit.network.conftest import FakeSupplicant

if TYPE_CHECKING:
    from pathlib import Path

CONNECTED = "wpa_state=COMPLETED\nssid=home\nbssid=02:00:00:00:01:00\nfreq=2412\nkey_mgmt=SAE\n"


class Followed:
    """A watch at work, on a fake clock, and what it reported."""

    def __init__(self, path: "Path") -> None:
        self.clock = FakeClock()
        self.reports: list[WifiReport] = []
        self.watch = WifiWatch(path, self.clock, lambda: self.reports.append(self.watch.report))
        self.task = asyncio.create_task(self.watch.run())

    async def advance(self, seconds: float) -> None:
        """Let time pass in small steps, so that packets come through."""
        for _ in range(int(seconds / PAUSE_SECONDS) + 1):
            await self.clock.advance(PAUSE_SECONDS)
            await settle(20)


@contextmanager
def following(path: "Path") -> Iterator[Followed]:
    followed = Followed(path)
    try:
        yield followed
    finally:
        followed.task.cancel()


async def test_from_a_wrong_passphrase_to_a_connection(supplicant: FakeSupplicant) -> None:
    with following(supplicant.path) as followed:
        await followed.advance(1)
        assert followed.watch.report == WifiReport(state="scanning")

        supplicant.answers["STATUS"] = "wpa_state=DISCONNECTED\n"
        supplicant.send('<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="home" auth_failures=1 duration=10 reason=WRONG_KEY')
        await followed.advance(1)
        assert followed.watch.report == WifiReport(state="disconnected", error="home: wrong passphrase")

        supplicant.answers["STATUS"] = CONNECTED
        supplicant.send("<3>CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:01:00 completed [id=0 id_str=]")
        await followed.advance(1)
        assert followed.watch.report.state == "connected"
        assert (followed.watch.report.signal, followed.watch.report.error) == (-53, "")

        supplicant.answers["STATUS"] = "wpa_state=DISCONNECTED\n"
        supplicant.send("<3>CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:01:00 reason=3")
        await followed.advance(1)
        assert followed.watch.report == WifiReport(state="disconnected")


async def test_an_old_error_does_not_come_back(supplicant: FakeSupplicant) -> None:
    """Not after a connection whose event was lost, and not with the next wpa_supplicant, which may have another passphrase."""
    with following(supplicant.path) as followed:

        async def see(answer: str, event: str = "<3>CTRL-EVENT-SCAN-STARTED ") -> str:
            supplicant.answers["STATUS"] = answer
            supplicant.send(event)
            await followed.advance(1)
            return followed.watch.report.error

        await followed.advance(1)
        wrong = '<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="home" auth_failures=1 duration=10 reason=WRONG_KEY'
        assert await see("wpa_state=SCANNING\n", wrong) == "home: wrong passphrase"
        assert await see(CONNECTED) == ""
        assert await see("wpa_state=SCANNING\n") == ""
        assert await see("wpa_state=SCANNING\n", wrong) == "home: wrong passphrase"
        supplicant.close()
        await followed.advance(POLL_SECONDS + 1)
        again = FakeSupplicant(supplicant.path)
        await followed.advance(11)
        assert followed.watch.report == WifiReport(state="scanning")
        again.close()


async def test_the_signal_is_asked_for_now_and_then_and_only_changes_are_told(supplicant: FakeSupplicant) -> None:
    supplicant.answers["STATUS"] = CONNECTED
    with following(supplicant.path) as followed:
        await followed.advance(1)
        assert len(followed.reports) == 1
        await followed.advance(POLL_SECONDS + 1)
        assert len(followed.reports) == 1
        supplicant.answers["SIGNAL_POLL"] = "RSSI=-70\n"
        await followed.advance(POLL_SECONDS + 1)
        assert [report.signal for report in followed.reports] == [-53, -70]
        assert supplicant.commands.count("SIGNAL_POLL") == 3


async def test_a_flood_of_events_is_looked_at_four_times_a_second(supplicant: FakeSupplicant) -> None:
    with following(supplicant.path) as followed:
        await followed.advance(1)
        before = len(supplicant.commands)
        for _ in range(40):
            supplicant.send("<3>CTRL-EVENT-SCAN-STARTED ")
            await followed.clock.advance(PAUSE_SECONDS / 10)
            await settle(10)
        assert len(supplicant.commands) - before <= 6


async def test_it_stops_and_comes_back(supplicant: FakeSupplicant, caplog: pytest.LogCaptureFixture) -> None:
    with following(supplicant.path) as followed:
        await followed.advance(1)
        supplicant.close()
        await followed.advance(POLL_SECONDS + 1)
        assert followed.watch.report == STOPPED
        again = FakeSupplicant(supplicant.path)
        again.answers["STATUS"] = CONNECTED
        await followed.advance(11)
        assert followed.watch.report.state == "connected"
        again.close()
    assert caplog.records == []
