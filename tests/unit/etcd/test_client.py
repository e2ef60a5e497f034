"""Decoding of what etcd's gateway answers."""

from typing import Any

import pytest

from controllers.etcd import client as module
from controllers.etcd.client import EtcdClient, KeyValue, parse_status
from controllers.etcd.status import EtcdStatusController, render_status
from controllers.ports import Ports
from controllers.resources.kubernetes import EtcdStatus
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.services import ServiceStatus
from controllers.runtime.errors import Waiting
from controllers.runtime.resource import Resource, new
from controllers.services.errors import RequestError
from controllers.services.https_client import Endpoint, Response
from tests.harness.reconcile import run_reconcile_async

STATUS = {
    "header": {"member_id": "10501334649042878790", "raft_term": "2"},
    "version": "3.5.16",
    "dbSize": "20480",
    "leader": "10501334649042878790",
    "raftIndex": "9",
    "raftTerm": "2",
}
MEMBERS = b'{"members": [{"ID": "255", "name": "cp1", "peerURLs": ["https://192.0.2.1:2380"], "clientURLs": []}]}'


def test_numbers_come_as_text() -> None:
    status = parse_status(STATUS)
    assert (status.member_id, status.leader, status.version, status.db_size) == (
        "91bc3c398fb3c146",
        "91bc3c398fb3c146",
        "3.5.16",
        20480,
    )
    with pytest.raises(RequestError, match="unknown form"):
        parse_status({"dbSize": "many"})


def test_no_leader_is_not_healthy() -> None:
    assert render_status(parse_status(STATUS)).healthy
    headless = render_status(parse_status({**STATUS, "leader": "0", "errors": ["etcdserver: no leader"]}))
    assert (headless.healthy, headless.message) == (False, "etcdserver: no leader, no leader")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("", ("127.0.0.1", 2379)),
        ("https://192.0.2.7:2379", ("192.0.2.7", 2379)),
        ("https://[2001:db8::7]:1234", ("2001:db8::7", 1234)),
        ("https://192.0.2.7:port", ("127.0.0.1", 0)),
    ],
)
def test_a_client_of_another_member(url: str, place: tuple[str, int]) -> None:
    assert module._parse_url(url) == place


async def test_a_member_is_removed_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []

    async def send(endpoint: Endpoint, method: str, path: str, body: Any) -> Response:
        sent.append((path, body))
        return Response(200, b"{}")

    monkeypatch.setattr(module, "send", send)
    await EtcdClient(Endpoint("127.0.0.1", 1)).remove("91bc3c398fb3c146")
    assert sent == [("/v3/cluster/member/remove", {"ID": "10501334649042878790"})]


async def test_members_and_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"/v3/cluster/member/list": Response(200, MEMBERS)}
    bodies: list[Any] = []

    async def send(endpoint: Endpoint, method: str, path: str, body: Any) -> Response:
        bodies.append(body)
        return answers.get(path, Response(503, b"later"))

    monkeypatch.setattr(module, "send", send)
    client = EtcdClient(Endpoint("127.0.0.1", 1))
    (member,) = await client.members()
    assert (member.id, member.name, member.learner) == ("ff", "cp1", False)
    assert [one.id for one in await client.members(current=True)] == ["ff"]
    assert bodies == [{}, {"linearizable": True}]
    with pytest.raises(RequestError, match="503 later"):
        await client.status()


async def test_keys_and_leases_as_the_gateway_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths and fields of api/etcdserverpb/rpc.proto; that etcd takes them is shown by tests/kernel/services."""
    sent: list[tuple[str, Any]] = []
    answers = {
        "/v3/kv/range": b'{"kvs": [{"key": "L2s=", "mod_revision": "7", "value": "b25l", "lease": "9"}], "count": "1"}',
        "/v3/kv/txn": b'{"succeeded": true}',
        "/v3/lease/grant": b'{"ID": "7587869834134571014", "TTL": "660"}',
        "/v3/lease/keepalive": b'{"result": {"ID": "9", "TTL": "660"}}\n',
        "/v3/lease/revoke": b"{}",
    }

    async def send(endpoint: Endpoint, method: str, path: str, body: Any) -> Response:
        sent.append((path, body))
        return Response(200, answers[path])

    monkeypatch.setattr(module, "send", send)
    client = EtcdClient(Endpoint("127.0.0.1", 1))
    assert await client.get("/k") == KeyValue(value=b"one", revision=7, lease=9)
    assert await client.put_if("/k", b"one", revision=7, lease=9)
    assert await client.delete_if("/k", revision=7)
    assert await client.grant(660.0) == 7587869834134571014
    assert await client.keep_alive(9)
    await client.revoke(9)
    compare = [{"key": "L2s=", "target": "MOD", "result": "EQUAL", "mod_revision": "7"}]
    assert sent == [
        ("/v3/kv/range", {"key": "L2s="}),
        ("/v3/kv/txn", {"compare": compare, "success": [{"request_put": {"key": "L2s=", "value": "b25l", "lease": "9"}}]}),
        ("/v3/kv/txn", {"compare": compare, "success": [{"request_delete_range": {"key": "L2s="}}]}),
        ("/v3/lease/grant", {"TTL": "660"}),
        ("/v3/lease/keepalive", {"ID": "9"}),
        ("/v3/lease/revoke", {"ID": "9"}),
    ]
    answers |= {
        "/v3/kv/range": b'{"header": {}}',
        "/v3/kv/txn": b'{"header": {}}',
        "/v3/lease/keepalive": b'{"result": {"ID": "9"}}',
    }
    assert await client.get("/k") is None
    assert not await client.put_if("/k", b"one", revision=0, lease=9)
    assert not await client.keep_alive(9)


@pytest.mark.parametrize(
    "body",
    [
        b'{"kvs": [5]}',
        b'{"kvs": [{"value": "b25l"}]}',
        b'{"kvs": [{"mod_revision": "many"}]}',
        b'{"kvs": [{"mod_revision": "1", "value": "%"}]}',
        b'{"kvs": [{"mod_revision": "1", "lease": []}]}',
    ],
)
async def test_keys_of_an_unknown_form(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    async def send(*_: Any) -> Response:
        return Response(200, body)

    monkeypatch.setattr(module, "send", send)
    with pytest.raises(RequestError, match="unknown form"):
        await EtcdClient(Endpoint("127.0.0.1", 1)).get("/k")


async def test_leases_of_an_unknown_form(monkeypatch: pytest.MonkeyPatch) -> None:
    async def send(endpoint: Endpoint, method: str, path: str, body: Any) -> Response:
        return Response(200, b'{"ID": "none", "error": {"code": 14}}')

    monkeypatch.setattr(module, "send", send)
    client = EtcdClient(Endpoint("127.0.0.1", 1))
    with pytest.raises(RequestError, match="`ID` is no number"):
        await client.grant(1)
    with pytest.raises(RequestError, match="unknown form"):
        await client.keep_alive(1)


class FakeClient(EtcdClient):
    """Answers, or does not."""

    def __init__(self, error: str = "") -> None:
        self.error = error

    async def status(self) -> module.MemberStatus:
        if self.error:
            raise RequestError(self.error)
        return parse_status(STATUS)


async def test_status_controller() -> None:
    certificate = Certificate(subject="s", certificate="c", key="k", ca="etcd", not_after=1)
    resources: list[Resource[Any]] = [
        new("etcd", ServiceStatus(state="running")),
        new("etcd", CertificateRoot(certificate="c", key="")),
        new("etcd-client", certificate),
    ]
    (well,) = await run_reconcile_async(EtcdStatusController(Ports(), lambda *_, **__: FakeClient()), resources)
    assert isinstance(well.spec, EtcdStatus)
    assert (well.spec.healthy, well.spec.version) == (True, "3.5.16")
    (sick,) = await run_reconcile_async(EtcdStatusController(Ports(), lambda *_, **__: FakeClient("refused")), resources)
    assert sick.spec == EtcdStatus(healthy=False, message="refused")
    with pytest.raises(Waiting, match="service etcd"):
        await run_reconcile_async(EtcdStatusController(Ports()), resources[1:])
