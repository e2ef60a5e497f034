"""The control socket's client against a server of a few lines."""

from __future__ import annotations

import gc
import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from image.errors import ImageError
from image.qmp import Qmp

GREETING: dict[str, Any] = {"QMP": {"version": {}, "capabilities": []}}


class Server(threading.Thread):
    """Answers each command with the next prepared lines."""

    def __init__(self, path: Path, answers: list[list[dict[str, Any]]]) -> None:
        super().__init__(daemon=True)
        self.commands: list[dict[str, Any]] = []
        self._answers = answers
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)

    def run(self) -> None:
        connection, _ = self._listener.accept()
        with self._listener, connection, connection.makefile("rwb") as lines:
            self._say(lines, [GREETING])
            for answers in [[{"return": {}}], *self._answers]:
                line = lines.readline()
                if not line:
                    return
                self.commands.append(json.loads(line))
                self._say(lines, answers)

    @staticmethod
    def _say(lines: Any, answers: list[dict[str, Any]]) -> None:
        for answer in answers:
            lines.write(json.dumps(answer).encode() + b"\n")
        lines.flush()


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A directory whose paths are longer than a unix socket's address may be."""
    directory = tmp_path / ("d" * 100)
    directory.mkdir()
    return directory


def start(directory: Path, answers: list[list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.chdir(directory)
    server = Server(Path("qmp.sock"), answers)
    server.start()
    return server


def test_events_are_skipped_and_arguments_sent(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = start(deep, [[{"event": "RESET", "data": {}}, {"return": {"status": "running"}}]], monkeypatch)
    with Qmp(deep / "qmp.sock", timeout=5) as control:
        assert control.execute("query-status", detail=True) == {"status": "running"}
    server.join(5)
    assert server.commands == [
        {"execute": "qmp_capabilities", "arguments": {}},
        {"execute": "query-status", "arguments": {"detail": True}},
    ]


def test_an_error_is_told_in_qemus_words(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = start(deep, [[{"error": {"class": "GenericError", "desc": "not now"}}]], monkeypatch)
    with Qmp(deep / "qmp.sock", timeout=5) as control, pytest.raises(ImageError, match="system_reset: not now"):
        control.execute("system_reset")
    server.join(5)


def test_a_server_that_goes_away_is_told(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = start(deep, [], monkeypatch)
    with Qmp(deep / "qmp.sock", timeout=5) as control:
        server.join(5)
        with pytest.raises(ImageError):
            control.execute("quit")


def test_a_machine_that_ends_while_it_is_greeted_leaves_no_connection_open(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "run", lambda server: server._listener.accept()[0].close())
    server = start(deep, [], monkeypatch)
    with pytest.raises(ImageError, match="ended the conversation"):
        Qmp(deep / "qmp.sock")
    server._listener.close()
    gc.collect()  # an open socket would be a ResourceWarning now


def test_no_machine(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not run"):
        Qmp(tmp_path / "qmp.sock")
