"""The API server on the loopback device: TLS, modes, streams, limits, and a brain that comes and goes."""

import asyncio

import grpc
import pytest
from grpc_health.v1 import health_pb2

from api.client.connect import connect, connect_insecure
from api.client.errors import (
    ClientError,
    Expired,
    MaintenanceMode,
    Refused,
    TrustError,
    Unreachable,
    WrongAuthority,
    WrongFingerprint,
    WrongName,
)
from api.client.node import Node
from api.client.tls import Identity
from api.generated import config_pb2, state_pb2
from api.server.gate import Mode
from controllers.config.documents import ApiConfig
from controllers.config.parts import CertificateAndKey
from controllers.resources.machine import MachineStage, Stage
from controllers.resources.pki import CertificateRoot
from controllers.runtime.resource import new, replace
from tests.harness.api_node import FakeNode, run
from tests.harness.authority import Authority


async def test_version_in_both_modes(fake: FakeNode) -> None:
    await fake.set_serving(Mode.MAINTENANCE)
    with await fake.insecure() as node:
        assert (await run(node.version)).mode == "maintenance"
    await fake.set_serving(Mode.SECURE)
    with fake.secure("os:reader") as node:
        answer = await run(node.version)
    assert (answer.mode, answer.version, answer.kubernetes) == ("secure", "1.2.3", "1.20.2")


async def test_fingerprint_is_checked(maintenance: FakeNode) -> None:
    right = maintenance.maintenance.fingerprint
    written = ":".join(right[i : i + 2] for i in range(0, 64, 2)).upper()
    pinned = await run(connect_insecure, maintenance.address, written)
    with pinned.node as node:
        assert (await run(node.version)).version == "1.2.3"
    with pytest.raises(WrongFingerprint, match=right):
        await run(connect_insecure, maintenance.address, "0" * 64)
    with pytest.raises(TrustError, match="no SHA-256 fingerprint"):
        await run(connect_insecure, maintenance.address, "abc")


async def test_secure_client_is_told_of_maintenance_mode(maintenance: FakeNode) -> None:
    with maintenance.secure("os:admin") as node, pytest.raises(MaintenanceMode) as error:
        await run(node.version)
    assert "--insecure" in error.value.hint


async def test_insecure_client_is_told_of_secure_mode(secure: FakeNode) -> None:
    with await secure.insecure() as node, pytest.raises(TrustError, match="has a configuration already"):
        await run(node.version)


async def test_client_of_another_authority_is_refused(secure: FakeNode) -> None:
    stranger = Authority("another cluster").client("os:admin")
    with (
        connect(secure.address, Identity(secure.authority.pem, stranger.certificate, stranger.key)) as node,
        pytest.raises(WrongAuthority, match="does not trust your certificate"),
    ):
        await run(node.version)


async def test_server_of_another_authority_is_refused(secure: FakeNode) -> None:
    mine = secure.authority.client("os:admin")
    other = Authority("another cluster")
    with (
        connect(secure.address, Identity(other.pem, mine.certificate, mine.key)) as node,
        pytest.raises(WrongAuthority, match="another authority"),
    ):
        await run(node.version)


async def test_expired_client_is_refused_by_the_client(secure: FakeNode) -> None:
    pair = secure.authority.client("os:admin", days=-1)
    with pytest.raises(Expired, match="your certificate has been expired since"):
        connect(secure.address, Identity(secure.authority.pem, pair.certificate, pair.key))


async def test_expired_client_is_refused_by_the_server(secure: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.client.connect.check_identity", lambda identity: None)
    pair = secure.authority.client("os:admin", days=-1)
    with (
        connect(secure.address, Identity(secure.authority.pem, pair.certificate, pair.key)) as node,
        pytest.raises(TrustError, match="refuses your certificate: it is expired"),
    ):
        await run(node.version)


async def test_server_certificate_must_be_valid_and_of_the_name(fake: FakeNode) -> None:
    await fake.set_serving(Mode.SECURE, fake.authority.server(days=-1))
    with fake.secure("os:reader") as node, pytest.raises(Expired, match="certificate of the node"):
        await run(node.version)
    await fake.set_serving(Mode.SECURE, fake.authority.server(("elsewhere",), ("192.0.2.1",)))
    with fake.secure("os:reader") as node, pytest.raises(WrongName, match=r"does not carry 127\.0\.0\.1"):
        await run(node.version)


async def test_no_certificate_no_handshake(secure: FakeNode) -> None:
    credentials = grpc.ssl_channel_credentials(secure.authority.pem.encode())
    with Node(grpc.secure_channel(str(secure.address), credentials), secure.address) as node, pytest.raises(Unreachable):
        await run(node.version)


async def test_role_less_certificate_gets_a_reason(secure: FakeNode) -> None:
    with secure.secure("system:masters") as node, pytest.raises(Refused) as error:
        await run(node.version)
    assert error.value.code == "permission_denied"
    assert "system:masters" in error.value.message
    assert "os:reader" in error.value.hint


async def test_roles_that_are_not_allowed_do_not_count(secure: FakeNode) -> None:
    with secure.secure("os:admin", "os:reader") as node:
        assert (await run(node.configuration)).yaml == ""
        assert secure.face is not None
        async with secure.face.served:
            config = ApiConfig(ca=CertificateAndKey(crt="", key=""), allowed_roles=("os:reader",))
            await secure.store.create(new("default", config))
            async with asyncio.timeout(20):
                await secure.face.served.wait()
        assert (await run(node.version)).mode == "secure"
        with pytest.raises(Refused, match="needs the role os:admin, the certificate has os:reader"):
            await run(node.configuration)
        with pytest.raises(Refused, match="needs the role os:admin"):
            await run(node.list, state_pb2.ListRequest(type="apiserving"))


async def test_new_certificate_is_taken_without_ending_streams(secure: FakeNode) -> None:
    with secure.secure("os:reader") as node:
        stream = node.watch(state_pb2.WatchRequest(type="MachineStage"))
        assert (await run(next, stream)).change == state_pb2.WatchResponse.CHANGE_BOOKMARK
        fresh = secure.authority.server()
        await secure.set_serving(Mode.SECURE, fresh)
        assert (await run(connect_insecure, secure.address)).fingerprint == fresh.fingerprint
        await secure.store.create(new("machine", MachineStage(stage=Stage.RUNNING)))
        assert (await run(next, stream)).resource.metadata.id == "machine"
        stream.close()  # type: ignore[attr-defined]  # a generator


async def test_watch_streams_changes(secure: FakeNode) -> None:
    stage = await secure.store.create(new("machine", MachineStage(stage=Stage.BOOTING)))
    with secure.secure("os:reader") as node:
        stream = node.watch(state_pb2.WatchRequest(type="machinestages"))
        first, bookmark = await run(next, stream), await run(next, stream)
        await secure.store.update(replace(stage, MachineStage(stage=Stage.RUNNING)))
        changed = await run(next, stream)
        stream.close()  # type: ignore[attr-defined]  # a generator
    kinds = state_pb2.WatchResponse
    assert [one.change for one in (first, bookmark, changed)] == [
        kinds.CHANGE_CREATED,
        kinds.CHANGE_BOOKMARK,
        kinds.CHANGE_UPDATED,
    ]
    assert '"running"' in changed.resource.spec


async def test_sensitive_types_need_an_administrator(secure: FakeNode) -> None:
    await secure.store.create(new("os", CertificateRoot(certificate="public", key="private")))
    with secure.secure("os:operator") as node, pytest.raises(Refused, match="needs the role os:admin") as error:
        await run(node.get, "certificateroot", "os")
    assert error.value.code == "permission_denied"
    with secure.secure("os:admin") as node:
        assert "private" in (await run(node.get, "certificateroot", "os")).spec


async def test_sensitive_types_stay_closed_in_maintenance_mode(maintenance: FakeNode) -> None:
    with await maintenance.insecure() as node, pytest.raises(Refused) as error:
        await run(node.list, state_pb2.ListRequest(type="apiserving"))
    assert error.value.code == "permission_denied"


async def test_big_message_is_refused(maintenance: FakeNode) -> None:
    request = config_pb2.ApplyRequest(data=bytes(17 << 20), dry_run=True)
    channel = (await run(connect_insecure, maintenance.address)).node
    with channel as node, pytest.raises(ClientError, match=r"(?i)larger|too large|exceed"):
        await run(node.apply, request)


async def test_bad_configuration_is_answered_with_every_problem(maintenance: FakeNode) -> None:
    request = config_pb2.ApplyRequest(data=b"apiVersion: ophite/v1\nkind: HostnameConfig\nhostnam: x\nauto: 3\n")
    with await maintenance.insecure() as node:
        answer = await run(node.apply, request)
    assert not answer.applied
    assert {problem.path for problem in answer.problems} >= {"HostnameConfig.hostnam", "HostnameConfig.auto"}


async def test_brain_killed_and_back(secure: FakeNode) -> None:
    with secure.secure("os:reader") as node:
        assert (await run(node.version)).version == "1.2.3"
        await secure.kill_brain()
        with pytest.raises(Refused) as error:
            await run(node.version)
        assert error.value.code == "unavailable"
        assert error.value.hint
        assert secure.face is not None
        async with secure.face.served:
            await secure.start_brain()
            async with asyncio.timeout(20):
                await secure.face.served.wait()
        assert (await run(node.version)).version == "1.2.3"


async def test_stream_ends_with_a_reason_when_the_brain_dies(secure: FakeNode) -> None:
    with secure.secure("os:reader") as node:
        stream = node.watch(state_pb2.WatchRequest(type="MachineStage"))
        await run(next, stream)
        await secure.kill_brain()
        with pytest.raises(Refused) as error:
            await run(next, stream)
    assert error.value.code == "unavailable"


async def test_unknown_type_is_not_found(secure: FakeNode) -> None:
    with secure.secure("os:reader") as node, pytest.raises(Refused, match="no resource type 'nonsense'") as error:
        await run(node.definitions, "nonsense")
    assert error.value.code == "not_found"


async def test_health_says_whether_the_brain_is_there(secure: FakeNode) -> None:
    with secure.secure("os:reader") as node:
        assert await run(check_health, node) == health_pb2.HealthCheckResponse.SERVING


async def test_health_answers_in_maintenance_mode(maintenance: FakeNode) -> None:
    with await maintenance.insecure() as node:
        assert await run(check_health, node) == health_pb2.HealthCheckResponse.SERVING


def check_health(node: Node) -> int:
    call = node._channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    return int(call(health_pb2.HealthCheckRequest(), timeout=10).status)
