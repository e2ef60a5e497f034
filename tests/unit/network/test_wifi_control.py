"""The client of the control socket: answers and events on one connection, limits, and who may send."""

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from controllers.network.wifi_control import ANSWER_SECONDS, MAX_EVENTS, WifiControl, WifiControlError
from tests.harness.clock import FakeClock, settle

if TYPE_CHECKING:
    from tests.unit.network.conftest import FakeSupplicant


def connect(supplicant: "FakeSupplicant", clock: FakeClock | None = None) -> WifiControl:
    return WifiControl(supplicant.path, clock or FakeClock())


async def test_an_answer_is_told_from_an_event(supplicant: "FakeSupplicant") -> None:
    with connect(supplicant) as control:
        await control.attach()
        supplicant.send("<3>CTRL-EVENT-SCAN-STARTED ", "<2>second")
        assert await control.request("STATUS") == "wpa_state=SCANNING\n"
        await control.wait(10)
        assert control.take_events() == ["<3>CTRL-EVENT-SCAN-STARTED ", "<2>second"]
        assert control.take_events() == []
    assert supplicant.commands == ["ATTACH", "STATUS"]


async def test_wait_returns_for_an_event_and_at_the_latest_after_its_time(supplicant: "FakeSupplicant") -> None:
    clock = FakeClock()
    with connect(supplicant, clock) as control:
        await control.attach()
        waiting = asyncio.create_task(control.wait(15))
        await clock.advance(14)
        assert not waiting.done()
        supplicant.send("<3>x")
        await waiting
        assert control.take_events() == ["<3>x"]
        waiting = asyncio.create_task(control.wait(15))
        await clock.advance(16)
        await waiting


async def test_of_a_flood_the_newest_are_kept(supplicant: "FakeSupplicant") -> None:
    with connect(supplicant) as control:
        await control.attach()
        for index in range(MAX_EVENTS + 10):
            supplicant.send(f"<3>{index}")
            if index % 5 == 0:
                await control.request("STATUS")
        await control.request("STATUS")
        events = control.take_events()
    assert len(events) == MAX_EVENTS
    assert events[-1] == f"<3>{MAX_EVENTS + 9}"


async def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(WifiControlError, match="wlan0: No such file"):
        WifiControl(tmp_path / "wlan0", FakeClock())


async def test_gone_meanwhile(supplicant: "FakeSupplicant") -> None:
    with connect(supplicant) as control:
        await control.attach()
        supplicant.close()
        with pytest.raises(WifiControlError, match="refused"):
            await control.request("STATUS")


async def test_silent(supplicant: "FakeSupplicant") -> None:
    clock = FakeClock()
    supplicant.silent = True
    with connect(supplicant, clock) as control:
        asking = asyncio.create_task(control.request("STATUS"))
        await settle()
        await clock.advance(ANSWER_SECONDS + 1)
        with pytest.raises(WifiControlError, match=r"answer to STATUS took longer than 10 s"):
            await asking


async def test_no_events_for_us(supplicant: "FakeSupplicant") -> None:
    supplicant.answers["ATTACH"] = "FAIL\n"
    with connect(supplicant) as control, pytest.raises(WifiControlError, match="sends no events"):
        await control.attach()


async def test_bytes_that_are_no_text(supplicant: "FakeSupplicant") -> None:
    with connect(supplicant) as control:
        await control.attach()
        supplicant._socket.sendto(b"<3>\xff\xfe", supplicant.client)
        supplicant._socket.sendto(b"", supplicant.client)
        assert await control.request("STATUS") in ("", "wpa_state=SCANNING\n")
        assert control.take_events() == ["<3>\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"]


async def test_no_stranger_can_send_to_us(supplicant: "FakeSupplicant") -> None:
    with connect(supplicant) as control:
        await control.attach()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger, pytest.raises(PermissionError):
            stranger.sendto(b"<3>CTRL-EVENT-CONNECTED", supplicant.client)
