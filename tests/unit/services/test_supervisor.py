"""The client of PID 1's control socket, against a small server that speaks the same protocol."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from controllers.services.errors import ControlError
from controllers.services.supervisor import ServiceState, ShutdownBegun, Supervisor

STATE = {"id": "etcd", "state": "running", "pid": 7, "restarts": 1, "since": 2.5, "exit": "", "spec_hash": "x"}
Answer = Callable[[dict[str, Any]], list[bytes]]


@asynccontextmanager
async def pid1(path: Path, answer: Answer) -> AsyncIterator[list[dict[str, Any]]]:
    """Serve one connection after the other; yield the requests that came."""
    requests: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()

    async def serve(server: socket.socket) -> None:
        while True:
            connection, _ = await loop.sock_accept(server)
            with connection:
                request = json.loads(await loop.sock_recv(connection, 1 << 20))
                requests.append(request)
                for packet in answer(request):
                    await loop.sock_sendall(connection, packet)

    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(str(path))
        server.listen()
        server.setblocking(False)
        task = asyncio.create_task(serve(server))
        try:
            yield requests
        finally:
            task.cancel()


def packet(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


async def test_apply_sends_the_table_and_what_to_keep(tmp_path: Path) -> None:
    async with pid1(tmp_path / "s", lambda _: [packet(ok=True, changed=["a"])]) as requests:
        changed = await Supervisor(tmp_path / "s").apply([{"id": "a"}], {"z", "b"})
    assert changed == ["a"]
    assert requests == [{"op": "apply", "services": [{"id": "a"}], "keep": ["b", "z"]}]


async def test_list_decodes_states(tmp_path: Path) -> None:
    async with pid1(tmp_path / "s", lambda _: [packet(ok=True, services=[STATE])]):
        (state,) = await Supervisor(tmp_path / "s").list()
    assert (state.id, state.state, state.pid, state.restarts, state.since) == ("etcd", "running", 7, 1, 2.5)


async def test_watch_yields_the_states_then_changes(tmp_path: Path) -> None:
    change = {**STATE, "state": "backoff"}
    async with pid1(tmp_path / "s", lambda _: [packet(ok=True, services=[STATE]), packet(service=change)]):
        seen = [state.state async for state in Supervisor(tmp_path / "s").watch() if isinstance(state, ServiceState)]
    assert seen == ["running", "backoff"]


async def test_watch_tells_of_a_shutdown(tmp_path: Path) -> None:
    packets = [packet(ok=True, services=[]), packet(event="shutdown", action="reboot")]
    async with pid1(tmp_path / "s", lambda _: packets):
        seen = [news async for news in Supervisor(tmp_path / "s").watch()]
    assert seen == [ShutdownBegun(action="reboot")]


async def test_logs_yield_raw_output(tmp_path: Path) -> None:
    async with pid1(tmp_path / "s", lambda _: [packet(ok=True), b"one\n", b"\xfftwo"]) as requests:
        output = [chunk async for chunk in Supervisor(tmp_path / "s").logs("etcd", follow=True, tail_bytes=10)]
    assert output == [b"one\n", b"\xfftwo"]
    assert requests[0] == {"op": "logs", "id": "etcd", "follow": True, "tail_bytes": 10}


async def test_power_may_carry_a_last_program(tmp_path: Path) -> None:
    async with pid1(tmp_path / "s", lambda _: [packet(ok=True)]) as requests:
        await Supervisor(tmp_path / "s").power("reboot")
        await Supervisor(tmp_path / "s").power("poweroff", ("/usr/bin/wipe", "plan"), 90.0)
        await Supervisor(tmp_path / "s").power("reboot", force=True)
        await Supervisor(tmp_path / "s").power("reboot", argument="0 tryboot")
    assert requests == [
        {"op": "power", "action": "reboot"},
        {"op": "power", "action": "poweroff", "last": {"argv": ["/usr/bin/wipe", "plan"], "limit": 90.0}},
        {"op": "power", "action": "reboot", "force": True},
        {"op": "power", "action": "reboot", "argument": "0 tryboot"},
    ]


async def test_a_refusal_carries_reason_and_hint(tmp_path: Path) -> None:
    async with pid1(tmp_path / "s", lambda _: [packet(ok=False, error="no such service", hint="see list")]):
        with pytest.raises(ControlError, match=r"refused restart: no such service \(see list\)"):
            await Supervisor(tmp_path / "s").restart("nope")


@pytest.mark.parametrize("answer", [b"\xff", b"[]", packet(ok=True, services=[{"id": 1}])])
async def test_nonsense_is_a_control_error(tmp_path: Path, answer: bytes) -> None:
    async with pid1(tmp_path / "s", lambda _: [answer]):
        with pytest.raises(ControlError):
            await Supervisor(tmp_path / "s").list()


async def test_no_answer_at_all(tmp_path: Path) -> None:
    async with pid1(tmp_path / "s", lambda _: []):
        with pytest.raises(ControlError, match="closed the connection instead of answering power"):
            await Supervisor(tmp_path / "s").power("reboot")


async def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="no connection to PID 1"):
        await Supervisor(tmp_path / "nothing").list()
