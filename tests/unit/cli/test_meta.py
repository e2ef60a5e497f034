"""`ophite meta`, against a real server in this process."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controllers.machine.meta import MetaController
from controllers.machine.meta_port import FileMeta
from controllers.ports import Ports
from controllers.runtime.engine import Engine
from tests.harness.api_node import FakeNode


@pytest.fixture
async def file(secure: FakeNode) -> AsyncIterator[FileMeta]:
    """META of a node that runs from memory."""
    port = FileMeta(secure.root / "meta.json")
    engine = Engine(secure.store)
    engine.register([MetaController(Ports(), lambda: port)])
    await engine.start()
    yield port
    await engine.close(5.0)


async def test_set_get_delete(file: FileMeta, ophite: Any) -> None:
    assert (await ophite("meta", "set", "user.rack", "b 7")).output == "user.rack is set\n"
    assert file.read().values == {"user.rack": "b 7"}
    assert (await ophite("meta", "get", "user.rack")).output == "b 7\n"
    shown = await ophite("meta", "get")
    assert shown.stdout == "KEY         VALUE\nuser.rack   b 7\n"
    assert "gone after a reboot" in shown.stderr
    data = json.loads((await ophite("meta", "get", "-o", "json")).stdout)
    assert data == {"values": {"user.rack": "b 7"}, "place": file.place, "durable": False}
    assert (await ophite("meta", "delete", "user.rack")).output == "user.rack is deleted\n"
    assert file.read().values == {}


async def test_refusals_come_with_a_hint(file: FileMeta, ophite: Any) -> None:
    result = await ophite("meta", "set", "upgrade", "x")
    assert result.exit_code == 1
    assert "not a key of the form user.NAME" in result.output
    result = await ophite("meta", "get", "user.none")
    assert "META has no key 'user.none'" in result.output
    assert "hint: there are: none" in result.output
    assert "Traceback" not in result.output
