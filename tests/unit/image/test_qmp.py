"""QEMU's control socket, against a server that speaks what it is told to."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from image.errors import ImageError
from image.qmp import Qmp

Serve = Callable[[list[bytes]], Path]
GREETING = b'{"QMP": {}}\n'
DONE = b'{"return": {}}\n'


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a server for one connection: it greets, then gives one of the answers for each line it gets, then hangs up."""
    threads: list[Thread] = []
    listener = socket.socket(socket.AF_UNIX)

    def start(answers: list[bytes]) -> Path:
        listener.bind(str(tmp_path / "qmp.sock"))
        listener.listen()

        def run() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as lines:
                connection.sendall(GREETING)
                for answer in answers:
                    json.loads(lines.readline())
                    connection.sendall(answer)

        threads.append(Thread(target=run))
        threads[-1].start()
        return tmp_path / "qmp.sock"

    yield start
    for thread in threads:
        thread.join(10)
    listener.close()


def test_events_between_command_and_answer_are_skipped(serve: Serve) -> None:
    path = serve([DONE, b'{"event": "STOP"}\n{"return": {"status": "running"}}\n'])
    with Qmp(path) as control:
        assert control.execute("query-status") == {"status": "running"}


def test_a_refusal_is_told_in_qemu_s_words(serve: Serve) -> None:
    path = serve([DONE, b'{"error": {"desc": "no such command"}}\n'])
    with Qmp(path) as control, pytest.raises(ImageError, match="QEMU refused fly: no such command"):
        control.execute("fly")


def test_a_machine_that_ends_meanwhile_is_said_so(serve: Serve) -> None:
    path = serve([DONE, b""])
    with Qmp(path) as control, pytest.raises(ImageError, match="ended the conversation"):
        control.execute("quit")


def test_no_socket_means_that_the_machine_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"qmp\.sock") as caught:
        Qmp(tmp_path / "qmp.sock")
    assert caught.value.hint == "the machine does not run"
