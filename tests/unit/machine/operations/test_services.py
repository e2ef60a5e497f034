"""`services.*`: what PID 1 says, with health beside it."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from controllers.ports import Paths, Ports
from controllers.resources.services import ServiceHealth
from controllers.runtime.errors import OperationError
from controllers.runtime.resource import new
from tests.unit.machine.operations.conftest import Table

STATES = [
    {"id": "api", "state": "running", "pid": 2, "restarts": 1, "since": 1.0, "exit": "killed", "spec_hash": ""},
    {"id": "etcd", "state": "running", "pid": 3, "restarts": 0, "since": 1.0, "exit": "", "spec_hash": ""},
]


class FakeInit:
    """A control socket with two services. `requests` are what it was asked, but for lists."""

    def __init__(self, path: Path) -> None:
        self.requests: list[dict[str, Any]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._answer(connection, json.loads(connection.recv(1 << 16)))

    def _answer(self, connection: socket.socket, request: dict[str, Any]) -> None:
        if request["op"] == "list":
            connection.send(json.dumps({"ok": True, "services": STATES}).encode())
            return
        self.requests.append(request)
        connection.send(b'{"ok": true}')
        if request["op"] == "logs":
            connection.send(b"one\n")
            connection.send(b"two\n")


@pytest.fixture
def node() -> Iterator[tuple[Table, FakeInit]]:
    """Operations, and a PID 1 that answers."""
    with TemporaryDirectory(prefix="ophite") as directory:  # unix(7): 108 bytes of path, which pytest's own may exceed
        table = Table(Path(directory))
        path = Ports(paths=Paths(Path(directory))).paths.control_socket
        path.parent.mkdir(parents=True)
        init = FakeInit(path)
        try:
            yield table, init
        finally:
            init.close()


async def test_list_has_health(node: tuple[Table, FakeInit]) -> None:
    table, _ = node
    await table.store.create(new("etcd", ServiceHealth(healthy=False, message="no leader")))
    assert await table.call("services.list") == [
        {"id": "api", "state": "running", "pid": 2, "restarts": 1, "health": "", "message": "killed"},
        {"id": "etcd", "state": "running", "pid": 3, "restarts": 0, "health": "unhealthy", "message": "no leader"},
    ]


async def test_restart(node: tuple[Table, FakeInit]) -> None:
    table, init = node
    await table.call("services.restart", id="etcd")
    assert init.requests == [{"op": "restart", "id": "etcd"}]


async def test_logs(node: tuple[Table, FakeInit]) -> None:
    table, init = node
    chunks = [chunk async for chunk in table.stream("services.logs", id="etcd", follow=True, tail_bytes=9)]
    assert b"".join(chunks) == b"one\ntwo\n"
    assert init.requests == [{"op": "logs", "id": "etcd", "follow": True, "tail_bytes": 9}]


async def test_unknown_service_lists_those_there_are(node: tuple[Table, FakeInit]) -> None:
    table, init = node
    for attempt in (table.call("services.restart", id="etc"), anext(table.stream("services.logs", id=os.devnull))):
        with pytest.raises(OperationError, match="no service") as refusal:
            await attempt
        assert refusal.value.hint == "there are: api, etcd"
    assert not init.requests
