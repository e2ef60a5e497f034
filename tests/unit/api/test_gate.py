"""The gate: every method, in both modes, with every role, against a written table.

The brain behind it answers every operation with `aborted`, so that is what a call gets that was let through.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass

from api.client.node import Node
from api.server import roles
from api.server.errors import Refusal
from api.server.gate import Caller, Mode, check_call
from api.server.roles import Role, Rule
from controllers.machine.operations import methods
from controllers.ports import Ports
from controllers.runtime.errors import OperationError
from controllers.runtime.memory import MemoryStore
from controllers.runtime.wire import Method
from controllers.runtime.wire_server import WireServer
from tests.harness.api_node import FakeNode, run

READ, OPERATE, ADMIN = {"reader", "operator", "admin"}, {"operator", "admin"}, {"admin"}

# Method: who may call it in secure mode, and whether it answers in maintenance mode.
TABLE: dict[str, tuple[set[str], bool]] = {
    "MachineService.Version": (READ, True),
    "MachineService.Reboot": (OPERATE, True),
    "MachineService.Shutdown": (OPERATE, False),
    "MachineService.ServiceList": (READ, False),
    "MachineService.ServiceRestart": (OPERATE, False),
    "MachineService.Logs": (READ, False),
    "MachineService.Dmesg": (READ, False),
    "MachineService.Events": (READ, False),
    "MachineService.Kubeconfig": (ADMIN, False),
    "StateService.Definitions": (READ, True),
    "StateService.Get": (READ, True),
    "StateService.List": (READ, True),
    "StateService.Watch": (READ, True),
    "ConfigService.Apply": (ADMIN, True),
    "ConfigService.Get": (ADMIN, False),
    "EtcdService.Bootstrap": (ADMIN, False),
    "EtcdService.MemberList": (READ, False),
    "EtcdService.Status": (READ, False),
    "InspectService.Controllers": (READ, False),
    "InspectService.Processes": (READ, False),
    "InspectService.Mounts": (READ, False),
    "InspectService.Sockets": (READ, False),
    "InspectService.Memory": (READ, False),
    "MetaService.Get": (READ, False),
    "MetaService.Set": (OPERATE, False),
    "MetaService.Delete": (OPERATE, False),
    "InstallService.Install": (ADMIN, False),
    "LifecycleService.Upload": (ADMIN, False),
    "LifecycleService.Upgrade": (ADMIN, False),
    "LifecycleService.Rollback": (ADMIN, False),
    "ResetService.Reset": (ADMIN, False),
    "HardwareService.Identify": (OPERATE, True),
}
ROLES = ("reader", "operator", "admin", "etcd:backup")


class GuardedNode(FakeNode):
    """A node whose brain answers everything but `serving` with `aborted`."""

    async def start_brain(self) -> None:
        table = [self._stub(method) for method in methods(self.store, Ports())]
        self.brain = WireServer(self.root / "brain.sock", table)
        await self.brain.start()

    @staticmethod
    def _stub(method: Method) -> Method:
        async def refuse(params: Any, peer: Any) -> None:
            raise OperationError("aborted", "let through")

        handler = method.handler if method.name == "serving" else refuse
        return Method(method.name, handler, frozenset({os.getuid()}))


@pytest.fixture
async def guarded() -> AsyncIterator[GuardedNode]:
    with TemporaryDirectory(prefix="ophite") as directory:
        node = GuardedNode(Path(directory), MemoryStore())
        await node.start()
        try:
            yield node
        finally:
            await node.close()


def probe(node: Node, name: str) -> str:
    """Call a method with an empty request; return the status that comes back."""
    method = next(one for one in roles.methods() if f"{one.containing_service.name}.{one.name}" == name)
    channel = node._channel
    unary = channel.stream_unary if method.client_streaming else channel.unary_unary
    make = channel.unary_stream if method.server_streaming else unary
    call = make(
        roles.path_of(method),
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    request = GetMessageClass(method.input_type)()
    try:
        answer = call(iter((request,)) if method.client_streaming else request, timeout=10)
        list(answer) if method.server_streaming else answer
    except grpc.RpcError as error:
        return str(error.code().name).lower()
    return "ok"


def test_table_is_complete() -> None:
    assert {f"{one.containing_service.name}.{one.name}" for one in roles.methods()} == set(TABLE)


async def test_maintenance_answers_only_its_list(guarded: GuardedNode) -> None:
    await guarded.set_serving(Mode.MAINTENANCE)
    with await guarded.insecure() as node:
        got = {name: await run(probe, node, name) for name in TABLE}
    assert got == {name: "aborted" if allowed else "failed_precondition" for name, (_, allowed) in TABLE.items()}


@pytest.mark.parametrize("role", ROLES)
async def test_secure_mode_asks_for_roles(guarded: GuardedNode, role: str) -> None:
    await guarded.set_serving(Mode.SECURE)
    with guarded.secure(f"os:{role}") as node:
        got = {name: await run(probe, node, name) for name in TABLE}
    assert got == {name: "aborted" if role in who else "permission_denied" for name, (who, _) in TABLE.items()}


async def test_certificate_without_role_may_do_nothing(guarded: GuardedNode) -> None:
    await guarded.set_serving(Mode.SECURE)
    with guarded.secure("somebody") as node:
        got = await asyncio.gather(*(run(probe, node, name) for name in TABLE))
    assert set(got) == {"permission_denied"}


def test_method_without_rule_is_refused_even_to_admins() -> None:
    with pytest.raises(Refusal) as refusal:
        check_call("/other.Service/Do", None, Mode.SECURE, Caller(frozenset({Role.ADMIN})))
    assert refusal.value.code is grpc.StatusCode.PERMISSION_DENIED


def test_refusal_names_role_and_what_there_is() -> None:
    with pytest.raises(Refusal, match="Reboot needs the role os:operator, the certificate has os:reader"):
        check_call("/x/Reboot", Rule(Role.OPERATOR, True), Mode.SECURE, Caller(frozenset({Role.READER})))


def test_refusal_names_organizations_that_are_no_role() -> None:
    with pytest.raises(Refusal, match=r"has no role that counts here \(system:masters\)"):
        check_call("/x/Version", Rule(Role.READER, True), Mode.SECURE, Caller(frozenset(), ("system:masters",)))
