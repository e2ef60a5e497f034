"""The gate in front of every method: mode, role, deadline; and errors made into statuses behind it.

Model: one gRPC server per mode. In maintenance nobody can be told from anybody, so only methods that say so answer. In
secure mode TLS has verified the client's certificate, and its subject carries the roles.

Trap: an interceptor sees no certificate, only the handler's context does; so the gate wraps the handlers.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import grpc

from api.server.errors import Refusal, to_status
from api.server.roles import Role, Rule, may, parse_organizations, parse_roles
from controllers.runtime.errors import RuntimeFault

UNARY_LIMIT = 120.0  # seconds for one answer, whatever deadline the client set
UPLOAD_LIMIT = 3600.0  # the same where the client streams
_RAISED_ON_PURPOSE = (RuntimeFault, Refusal, TimeoutError)


class Mode(StrEnum):
    """How the API is open."""

    MAINTENANCE = "maintenance"
    SECURE = "secure"


class Caller(NamedTuple):
    """Who calls, as far as that is known."""

    roles: frozenset[Role]
    organizations: tuple[str, ...] = ()

    @property
    def is_admin(self) -> bool:
        """Whether secrets may be shown."""
        return may(self.roles, Role.ADMIN)


Recognize = Callable[[grpc.aio.ServicerContext], Caller]
"""Returns who calls."""


def recognize(context: grpc.aio.ServicerContext, allowed: frozenset[Role]) -> Caller:
    """Return who calls, from the certificate that TLS has verified. In: `allowed`, the roles that count on this node."""
    subjects = context.auth_context().get("x509_subject", ())
    subject = subjects[0].decode("utf-8", "replace") if subjects else ""
    return Caller(parse_roles(subject) & allowed, tuple(parse_organizations(subject)))


def check_call(path: str, rule: Rule | None, mode: Mode, caller: Caller) -> None:
    """Refuse a call that its mode or the caller's roles do not allow. Raises `Refusal`."""
    name = path.rpartition("/")[2]
    if rule is None:
        raise Refusal(grpc.StatusCode.PERMISSION_DENIED, f"{path} declares no role, so nobody may call it")
    if mode is Mode.MAINTENANCE:
        if not rule.maintenance:
            hint = "apply a configuration first: ophite apply-config --insecure -n NODE -f FILE"
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, f"{name} does not answer in maintenance mode", hint)
        return
    if not caller.roles:
        named = ", ".join(caller.organizations)[:200] or "no Organization"
        hint = "its Organization must be os:admin, os:operator, os:reader or os:etcd:backup, and in ApiConfig.allowedRoles"
        raise Refusal(grpc.StatusCode.PERMISSION_DENIED, f"the client certificate has no role that counts here ({named})", hint)
    if rule.role is not None and not may(caller.roles, rule.role):
        have = ", ".join(sorted(caller.roles))
        raise Refusal(grpc.StatusCode.PERMISSION_DENIED, f"{name} needs the role {rule.role}, the certificate has {have}")


class Gate(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc ships no types
    """Wraps every handler of a server that runs in one mode."""

    def __init__(self, mode: Mode, rules: Mapping[str, Rule], who: Recognize) -> None:
        self._mode = mode
        self._rules = rules
        self._who = who

    async def intercept_service(
        self,
        continuation: Callable[[Any], Awaitable[Any]],
        handler_call_details: Any,
    ) -> Any:
        """Return the handler of a method behind the gate; None (unimplemented) when there is no such method."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        path = handler_call_details.method
        behave: Callable[..., Any]
        if handler.unary_unary:
            behave = self._guard_unary(path, handler.unary_unary)
            make = grpc.unary_unary_rpc_method_handler
        elif handler.unary_stream:
            behave = self._guard_stream(path, handler.unary_stream)
            make = grpc.unary_stream_rpc_method_handler
        elif handler.stream_unary:
            behave = self._guard_unary(path, handler.stream_unary, UPLOAD_LIMIT)
            make = grpc.stream_unary_rpc_method_handler
        elif handler.stream_stream:
            behave = self._guard_stream(path, handler.stream_stream)
            make = grpc.stream_stream_rpc_method_handler
        else:
            return None
        return make(behave, handler.request_deserializer, handler.response_serializer)

    def _check(self, path: str, context: grpc.aio.ServicerContext) -> None:
        check_call(path, self._rules.get(path), self._mode, self._who(context))

    def _guard_unary(
        self, path: str, call: Callable[..., Awaitable[Any]], limit: float = UNARY_LIMIT
    ) -> Callable[..., Awaitable[Any]]:
        async def guarded(request: Any, context: grpc.aio.ServicerContext) -> Any:
            try:
                self._check(path, context)
                async with asyncio.timeout(limit):
                    return await call(request, context)
            except _RAISED_ON_PURPOSE as error:
                return await _abort(context, error)

        return guarded

    def _guard_stream(self, path: str, call: Callable[..., AsyncIterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
        async def guarded(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
            try:
                self._check(path, context)
                async for answer in call(request, context):
                    yield answer
            except _RAISED_ON_PURPOSE as error:
                await _abort(context, error)

        return guarded


async def _abort(context: grpc.aio.ServicerContext, error: RuntimeFault | Refusal | TimeoutError) -> None:
    status = to_status(error)
    await context.abort(status.code, status.message, status.trailing_metadata)
