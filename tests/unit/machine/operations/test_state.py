"""`state.*`: names, selection, and what nobody without the role sees."""

import json
from typing import Any

import pytest

from controllers.resources.network import LinkStatus
from controllers.resources.pki import CertificateRoot
from controllers.runtime.errors import NotFound, OperationError, UnknownType
from controllers.runtime.resource import Secret, Spec, new


class HalfOpenExample(Spec, frozen=True, kw_only=True):
    """A type that anybody may read, but not all of."""

    namespace = "test"
    shown: str
    hidden: Secret


async def test_definitions_of_all_types(table: Any) -> None:
    found = {one["type"]: one for one in await table.call("state.definitions")}
    assert found["CertificateRoot"]["sensitive"]
    assert found["LinkStatus"]["columns"][0] == ["KIND", "kind"]
    assert found["LinkStatus"]["namespace"] == "network"
    assert found["LinkStatus"]["description"].startswith("A link as the kernel has it")


async def test_definition_of_one_type(table: Any) -> None:
    assert [one["type"] for one in await table.call("state.definitions", type="link-statuses")] == ["LinkStatus"]
    with pytest.raises(UnknownType):
        await table.call("state.definitions", type="nonsense")


async def test_get(table: Any) -> None:
    await table.store.create(new("eth0", LinkStatus(name="eth0", index=2), labels={"a": "b"}))
    found = await table.call("state.get", type="linkstatus", id="eth0")
    assert found["metadata"]["version"] == 1
    assert found["metadata"]["labels"] == {"a": "b"}
    assert json.loads(found["spec"])["name"] == "eth0"
    with pytest.raises(NotFound):
        await table.call("state.get", type="linkstatus", id="eth1")


async def test_list_selects(table: Any) -> None:
    for index, name in enumerate(("eth0", "eth1", "lo")):
        await table.store.create(new(name, LinkStatus(name=name, index=index), labels={"kind": name[:2]}))
    ids = [one["metadata"]["id"] for one in await table.call("state.list", type="linkstatus", id="eth*")]
    assert ids == ["eth0", "eth1"]
    ids = [one["metadata"]["id"] for one in await table.call("state.list", type="linkstatus", labels={"kind": "lo"})]
    assert ids == ["lo"]


async def test_sensitive_type_is_refused_without_reveal(table: Any) -> None:
    await table.store.create(new("os", CertificateRoot(certificate="c", key="k")))
    for name in ("state.list", "state.get"):
        params = {"type": "CertificateRoot"} | ({"id": "os"} if name == "state.get" else {})
        with pytest.raises(OperationError, match="os:admin"):
            await table.call(name, **params)
        assert await table.call(name, **params, reveal=True)


async def test_sensitive_watch_is_refused_without_reveal(table: Any, take: Any) -> None:
    with pytest.raises(OperationError):
        await take(table.stream("state.watch", type="CertificateRoot"), 1)


async def test_secrets_of_open_types_are_redacted(table: Any, take: Any) -> None:
    await table.store.create(new("a", HalfOpenExample(shown="public", hidden="private")))
    shown = await table.call("state.get", type="HalfOpenExample", id="a")
    listed = await table.call("state.list", type="HalfOpenExample")
    [event] = await take(table.stream("state.watch", type="HalfOpenExample"), 1)
    for resource in (shown, *listed, event["resource"]):
        assert json.loads(resource["spec"]) == {"shown": "public", "hidden": "[redacted]"}
    assert "private" in (await table.call("state.get", type="HalfOpenExample", id="a", reveal=True))["spec"]


async def test_watch_gives_contents_bookmark_and_changes(table: Any, take: Any) -> None:
    await table.store.create(new("lo", LinkStatus(name="lo", index=1)))
    stream = table.stream("state.watch", type="LinkStatus")
    first, bookmark = await anext(stream), await anext(stream)
    await table.store.create(new("eth0", LinkStatus(name="eth0", index=2)))
    [change] = await take(stream, 1)
    assert [one["change"] for one in (first, bookmark, change)] == ["created", "bookmark", "created"]
    assert bookmark["resource"] is None
    assert change["resource"]["metadata"]["id"] == "eth0"


@pytest.mark.parametrize("params", [{"type": 3}, {"type": "LinkStatus", "other": 1}, {"type": "LinkStatus", "labels": []}, {}])
async def test_bad_requests_name_the_field(table: Any, params: dict[str, Any]) -> None:
    with pytest.raises(OperationError, match="bad request") as refusal:
        await table.call("state.list", **params)
    assert refusal.value.code == "invalid_argument"
