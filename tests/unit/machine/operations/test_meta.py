"""`meta.*`: users change only what is theirs, and hear about it when it is done."""

from typing import Any

import pytest

from controllers.machine.meta import MetaController
from controllers.machine.operations import meta
from controllers.ports import Ports
from controllers.resources.meta import MetaStatus, MetaUserRequest, MetaValue
from controllers.runtime.engine import Engine
from controllers.runtime.errors import OperationError
from controllers.runtime.resource import new
from tests.unit.machine.test_meta import FakeMeta


@pytest.fixture
async def port(table: Any) -> Any:
    """META, with its controller at work over the table's store."""
    port = FakeMeta(**{"upgrade": "{}", "user.a": "1"})
    engine = Engine(table.store, table.clock)
    engine.register([MetaController(Ports(), lambda: port)])
    await engine.start()
    async for event in table.store.watch(MetaStatus):
        if event.resource is not None:
            break
    yield port
    await engine.close(5.0)


async def test_get(table: Any, port: FakeMeta) -> None:
    assert await table.call("meta.get") == {
        "values": {"upgrade": "{}", "user.a": "1"},
        "place": "/dev/vda6",
        "durable": True,
    }
    assert (await table.call("meta.get", key="user.a"))["values"] == {"user.a": "1"}
    with pytest.raises(OperationError, match=r"no key 'user\.b'") as caught:
        await table.call("meta.get", key="user.b")
    assert caught.value.code == "not_found"
    assert "upgrade, user.a" in caught.value.hint


async def test_set_and_delete_answer_when_it_is_written(table: Any, port: FakeMeta) -> None:
    await table.call("meta.set", key="user.a", value="2")
    assert port.meta.values == {"upgrade": "{}", "user.a": "2"}
    await table.call("meta.set", key="user.a", value="2")
    await table.call("meta.delete", key="user.a")
    assert port.meta.values == {"upgrade": "{}"}
    await table.call("meta.delete", key="user.a")
    await table.call("meta.set", key="user.a", value="3")
    assert port.meta.values == {"upgrade": "{}", "user.a": "3"}
    assert await table.store.list(MetaUserRequest) == []


@pytest.mark.parametrize(("key", "value"), [("upgrade", "forged"), ("user.B", ""), ("user.a", "x" * 5000)])
async def test_what_may_not_be_set(table: Any, port: FakeMeta, key: str, value: str) -> None:
    before = port.meta
    with pytest.raises(OperationError) as caught:
        await table.call("meta.set", key=key, value=value)
    assert caught.value.code == "invalid_argument"
    assert port.meta == before


async def test_the_systems_keys_cannot_be_deleted(table: Any, port: FakeMeta) -> None:
    with pytest.raises(OperationError, match="only keys that begin with user"):
        await table.call("meta.delete", key="upgrade")
    assert "upgrade" in port.meta.values


async def test_before_meta_was_read_nobody_is_answered(table: Any) -> None:
    for name, params in (("get", {}), ("set", {"key": "user.a", "value": ""}), ("delete", {"key": "user.a"})):
        with pytest.raises(OperationError, match="has not been read yet"):
            await table.call(f"meta.{name}", **params)


async def test_a_disk_that_cannot_be_written_is_the_answer(table: Any) -> None:
    error = "/dev/vda6 cannot be written: Read-only file system"
    await table.store.create(new("meta", MetaStatus(place="/dev/vda6", durable=True, error=error)))
    with pytest.raises(OperationError, match="Read-only file system"):
        await meta.change(table.store, "user.a", MetaUserRequest(value="1"), 0.01)
    assert await table.store.list(MetaUserRequest) == []
    assert await table.store.list(MetaValue) == []
