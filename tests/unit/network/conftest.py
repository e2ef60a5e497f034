"""A stand-in for wpa_supplicant: its control socket with the answers that a test gives."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest


class FakeSupplicant:
    """Answers commands from a table; `send` brings an event. `silent`: it answers nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers = {"ATTACH": "OK\n", "STATUS": "wpa_state=SCANNING\n", "SIGNAL_POLL": "RSSI=-53\n"}
        self.commands: list[str] = []
        self.silent = False
        self.client: str | bytes = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read)

    def send(self, *events: str) -> None:
        """Send packets to whoever asked last."""
        for event in events:
            self._socket.sendto(event.encode(), self.client)

    def close(self) -> None:
        """Go away, and take the socket along."""
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self.path.unlink()

    def _read(self) -> None:
        packet, self.client = self._socket.recvfrom(4096)
        self.commands.append(packet.decode())
        if not self.silent:
            self.send(self.answers.get(packet.decode(), "UNKNOWN COMMAND\n"))


@pytest.fixture
async def supplicant(tmp_path: Path) -> AsyncIterator[FakeSupplicant]:
    """One that is there."""
    found = FakeSupplicant(tmp_path / "wlan0")
    yield found
    if found.path.exists():
        found.close()
