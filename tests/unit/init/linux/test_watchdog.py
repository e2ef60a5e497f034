"""The watchdog takes the time-out that it can, and is fed without ever stopping PID 1."""

import os
import struct
from pathlib import Path

import pytest

from init.linux.watchdog import open_watchdog, pet


@pytest.mark.parametrize(("longest", "taken"), [(65535, 1200), (613, 600), (39, 37), (15, None), (0, None)])
def test_the_longest_time_out_that_the_device_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, longest: int, taken: int | None
) -> None:
    device, asked = tmp_path / "watchdog", list[int]()
    device.touch()

    def ioctl(descriptor: int, code: int, data: bytes) -> None:
        asked.append(struct.unpack("i", data)[0])
        if asked[-1] > longest:
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr("fcntl.ioctl", ioctl)
    descriptor = open_watchdog(1200, str(device))
    assert descriptor is not None
    os.close(descriptor)
    assert asked[0] == 1200
    assert (asked[-1] if asked[-1] <= longest else None) == taken
    assert len(asked) <= 8


def test_without_a_device_there_is_nothing_to_feed(tmp_path: Path) -> None:
    assert open_watchdog(60, str(tmp_path / "watchdog")) is None
    pet(None)


def test_feeding_writes_and_a_broken_device_stops_nobody() -> None:
    reader, writer = os.pipe()
    pet(writer)
    assert os.read(reader, 10) == b"\0"
    os.close(reader)
    os.close(writer)
    pet(writer)
