"""What etcd says of itself, over its JSON gateway: the standard library is enough, where gRPC would cost the brain
a second of import and 30 MB.

64-bit numbers come as text and bytes as base64 (proto3 JSON mapping); ids are shown in hexadecimal, as etcdctl does.
Paths and fields: api/etcdserverpb/rpc.proto of etcd, and etcd.io, "Why gRPC gateway".
"""

from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import urlsplit

import msgspec

from controllers.etcd.service import CLIENT_PORT
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.services.errors import RequestError
from controllers.services.https_client import Endpoint, Identity, send


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One member of the cluster. `name` is empty until it has started once."""

    id: str
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    learner: bool


class MemberStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What one member says of itself. Sizes in bytes; `leader` is `0` when it knows none."""

    member_id: str
    leader: str
    version: str
    db_size: int
    db_size_in_use: int
    raft_index: int
    raft_term: int
    learner: bool
    errors: tuple[str, ...]


class KeyValue(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is. `revision`: of the cluster when it was last written, above 0; `lease`: 0 where none is attached."""

    value: bytes
    revision: int
    lease: int


class EtcdClient:
    """One member, the local one unless its client was made for another."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def members(self, *, current: bool = False) -> list[Member]:
        """Return the cluster's members, as this one knows them; `current`: as the majority does. Raises `RequestError`."""
        answer = await self._call("/v3/cluster/member/list", {"linearizable": True} if current else {})
        return [_parse_member(one) for one in answer.get("members", ())]

    async def remove(self, id_: str) -> None:
        """Remove a member, in hexadecimal, from the cluster. Raises `RequestError`, also when that would cost the quorum."""
        await self._call("/v3/cluster/member/remove", {"ID": str(int(id_, 16))})

    async def status(self) -> MemberStatus:
        """Return the member's status. Raises `RequestError`."""
        return parse_status(await self._call("/v3/maintenance/status"))

    async def alarms(self) -> list[str]:
        """Return the alarms that are raised, such as `NOSPACE`. Raises `RequestError`."""
        answer = await self._call("/v3/maintenance/alarm", {"action": "GET"})
        return [str(one.get("alarm", "NONE")) for one in answer.get("alarms", ())]

    async def get(self, key: str) -> KeyValue | None:
        """Return a key, as the majority has it; None when there is none. Raises `RequestError`."""
        answer = await self._call("/v3/kv/range", {"key": _encode(key)})
        return next((_parse_key(one) for one in answer.get("kvs") or ()), None)

    async def put_if(self, key: str, value: bytes, *, revision: int, lease: int) -> bool:
        """Write a key, bound to a lease, if its revision is still this one (0: it does not exist); return whether it was.

        Raises `RequestError`, after which nobody knows, and for a lease that is over.
        """
        put = {"key": _encode(key), "value": b64encode(value).decode(), "lease": str(lease)}
        return await self._change_if(key, revision, {"request_put": put})

    async def delete_if(self, key: str, *, revision: int) -> bool:
        """Delete a key if its revision is still this one, and return whether it was. Raises `RequestError`."""
        return await self._change_if(key, revision, {"request_delete_range": {"key": _encode(key)}})

    async def _change_if(self, key: str, revision: int, change: dict[str, Any]) -> bool:
        """One transaction. A key that does not exist has the revision 0 (etcd's `applyCompare`)."""
        compare = {"key": _encode(key), "target": "MOD", "result": "EQUAL", "mod_revision": str(revision)}
        answer = await self._call("/v3/kv/txn", {"compare": [compare], "success": [change]})
        return answer.get("succeeded") is True

    async def grant(self, seconds: float) -> int:
        """Return a new lease, whose keys go away that long after its last refreshment. Raises `RequestError`."""
        return _number(await self._call("/v3/lease/grant", {"TTL": str(round(seconds))}), "ID")

    async def keep_alive(self, lease: int) -> bool:
        """Give a lease its full time again; return False when it is over. Raises `RequestError`.

        A stream in gRPC; over the gateway one request gets one answer, below `result`.
        """
        answer = await self._call("/v3/lease/keepalive", {"ID": str(lease)})
        if not isinstance(result := answer.get("result"), dict):
            raise RequestError("etcd's answer about a lease has an unknown form")
        return _number(result, "TTL") > 0

    async def revoke(self, lease: int) -> None:
        """End a lease, and delete every key that is bound to it. Raises `RequestError`."""
        await self._call("/v3/lease/revoke", {"ID": str(lease)})

    async def _call(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = await send(self._endpoint, "POST", path, body or {})
        if not response.ok:
            raise RequestError(f"etcd refused {path}: {response.status} {response.text()}")
        return response.json()


def make_client(root: CertificateRoot, leaf: Certificate, timeout: float, *, url: str = "") -> EtcdClient:
    """Return a client of the local member, or of the one whose client URL is `url`.

    In: the roots `etcd` and the certificate `etcd-client`; `timeout` in seconds, patience included.
    """
    # Every member's certificate names localhost, so the address that another one announces need not be in it.
    identity = Identity(root.certificate, leaf.certificate, leaf.key, server_name="localhost")
    host, port = _parse_url(url)
    return EtcdClient(Endpoint(host, port, identity, timeout=timeout))


def parse_status(answer: dict[str, Any]) -> MemberStatus:
    """Return the answer of `Maintenance.Status`. Raises `RequestError` for numbers that are none."""
    header = answer.get("header") or {}
    try:
        return MemberStatus(
            member_id=_hex(header.get("member_id")),
            leader=_hex(answer.get("leader")),
            version=str(answer.get("version", "")),
            db_size=int(answer.get("dbSize", 0)),
            db_size_in_use=int(answer.get("dbSizeInUse", 0)),
            raft_index=int(answer.get("raftIndex", 0)),
            raft_term=int(answer.get("raftTerm", 0)),
            learner=bool(answer.get("isLearner", False)),
            errors=tuple(str(one) for one in answer.get("errors", ())),
        )
    except (TypeError, ValueError) as error:
        raise RequestError(f"etcd's status has an unknown form: {error}") from error


def _parse_member(one: dict[str, Any]) -> Member:
    return Member(
        id=_hex(one.get("ID")),
        name=str(one.get("name", "")),
        peer_urls=tuple(one.get("peerURLs", ())),
        client_urls=tuple(one.get("clientURLs", ())),
        learner=bool(one.get("isLearner", False)),
    )


def _parse_key(one: Any) -> KeyValue:
    try:
        value = b64decode(one.get("value", ""), validate=True)
        return KeyValue(value=value, revision=int(one["mod_revision"]), lease=int(one.get("lease", 0)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RequestError(f"etcd's key has an unknown form: {error}") from error


def _number(answer: dict[str, Any], name: str) -> int:
    try:
        return int(answer.get(name, 0))
    except (TypeError, ValueError) as error:
        raise RequestError(f"etcd's `{name}` is no number: {error}") from error


def _encode(key: str) -> str:
    return b64encode(key.encode()).decode()


def _parse_url(url: str) -> tuple[str, int]:
    """Return host and port of a member's client URL; the local member's for an empty one, nowhere for a broken one."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "127.0.0.1", parts.port or CLIENT_PORT
    except ValueError:
        return "127.0.0.1", 0  # nobody answers there


def _hex(number: Any) -> str:
    return f"{int(number or 0):x}"
