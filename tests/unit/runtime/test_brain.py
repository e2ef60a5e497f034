"""The brain as a whole: a socket that answers, controllers that run, and an end in bounded time."""

import asyncio
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from controllers import brain
from controllers.ports import Paths, Ports
from controllers.runtime.controller import Controller, Output, View, Wanted
from controllers.runtime.errors import RuntimeFault
from controllers.runtime.remote import RemoteStore
from controllers.runtime.resource import Spec
from controllers.runtime.status import ControllerStatus, StatusBoard
from controllers.runtime.wire_client import WireClient
from tests.harness.clock import FakeClock

LIMIT = 10  # seconds of real time


class Thought(Spec, frozen=True, kw_only=True):
    """What the test's controller makes."""

    namespace = "brain"


class Thinker(Controller):
    """Makes one thought, and remembers being closed."""

    name = "brain.ThinkerController"
    outputs = (Output(Thought),)
    closed = False

    def reconcile(self, view: View) -> list[Wanted]:
        return [Wanted("first", Thought())]

    async def close(self) -> None:
        self.closed = True


async def test_it_serves_runs_and_ends(tmp_path: Path) -> None:
    thinker = Thinker()
    ports, stop = Ports(clock=FakeClock(), paths=Paths(tmp_path)), asyncio.Event()
    running = asyncio.create_task(brain.run(ports, [thinker], stop, gid=os.getgid()))
    client = await WireClient.connect(ports.paths.brain_socket, timeout=LIMIT)
    assert stat.S_IMODE(ports.paths.brain_socket.stat().st_mode) == 0o660
    if os.getuid() == 0:
        store = RemoteStore(client)
        async with asyncio.timeout(LIMIT):
            assert (await anext(aiter(store.watch(Thought)))).resource is not None
        assert (await store.get(ControllerStatus, thinker.name)).spec.state == "running"
    await client.close()
    stop.set()
    async with asyncio.timeout(LIMIT):
        await running
    assert thinker.closed
    assert not ports.paths.brain_socket.exists()


async def test_a_broken_engine_ends_the_brain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def break_down(_: StatusBoard) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(StatusBoard, "run", break_down)
    ports = Ports(clock=FakeClock(), paths=Paths(tmp_path))
    with pytest.raises(RuntimeFault, match="engine failed"):
        async with asyncio.timeout(LIMIT):
            await brain.run(ports, [Thinker()], asyncio.Event(), gid=os.getgid())


def test_importing_it_pulls_in_no_heavy_library_before_it_is_needed() -> None:
    """Libraries that only some controllers use must not delay the socket."""
    heavy = {"grpc", "psutil", "rich", "click", "hypothesis", "pytest"}
    code = f"import sys, controllers.brain; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_a_failure_ends_the_process_with_a_status_and_a_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[int] = []

    async def fail(_: Ports) -> None:
        raise OSError("no socket")

    monkeypatch.setattr(brain, "_run_until_signal", fail)
    monkeypatch.setattr(brain, "set_up_logging", lambda: None)
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(logging, "shutdown", lambda: None)
    brain.run_forever()
    assert ended == [1]
    assert "brain failed" in caplog.text
