"""What the server serves with, and the servers themselves: one for each mode, on one port.

Model: the brain streams `ApiServing`. A new certificate in the same mode is taken by the running server at its next
handshake; a change of mode starts a new server and lets the old one finish.

Trap: gRPC fixes at bind time whether clients must show a certificate, hence the second server. Both hold the port at once
for a moment (SO_REUSEPORT), so no connection is refused in between.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import grpc

from api.server.gate import Caller, Gate, Mode, Recognize, recognize
from api.server.roles import Role, make_rules

_log = logging.getLogger(__name__)

MESSAGE_LIMIT = 16 << 20  # bytes, both ways
CALL_LIMIT = 256  # calls at once
GRACE = 5.0  # seconds that calls of the old mode have to finish
_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.max_concurrent_streams", 64),
    ("grpc.max_connection_age_ms", 3_600_000),  # who hangs on is asked for the certificate again; calls under way go on
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)


class Serving(NamedTuple):
    """Mode, server certificate and key, the authority of client certificates (PEM), and the roles that count."""

    mode: Mode
    certificate: str
    key: str
    client_ca: str
    roles: frozenset[Role]

    @classmethod
    def parse(cls, item: dict[str, Any]) -> Self:
        """Return what the brain streams. Raises `ValueError` for an unknown mode; roles that it does not know do not count."""
        roles = frozenset(role for role in Role if role.value in item["roles"])
        return cls(Mode(item["mode"]), item["certificate"], item["key"], item["client_ca"], roles)

    def tls(self) -> grpc.ServerCertificateConfiguration:
        """Return it as gRPC wants it."""
        authority = self.client_ca.encode() if self.mode is Mode.SECURE else None
        return grpc.ssl_server_certificate_configuration([(self.key.encode(), self.certificate.encode())], authority)


Install = Callable[[grpc.aio.Server, Mode, Recognize], None]
"""Adds the services to a new server."""


class Listener:
    """The servers. `addresses` are tried in order; the first that binds counts. `port` is what was bound (0 before)."""

    def __init__(self, addresses: tuple[str, ...], install: Install) -> None:
        self._addresses = addresses
        self._install = install
        self._serving: Serving | None = None
        self._server: grpc.aio.Server | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self.port = 0

    async def serve(self, serving: Serving) -> None:
        """Serve with this from now on. Raises `OSError` when no address can be bound."""
        before, self._serving = self._serving, serving
        if before is not None and self._server is not None and before.mode is serving.mode:
            if before.certificate != serving.certificate:
                _log.info("the next connections get the new certificate")
            return
        old, self._server = self._server, await self._start(serving.mode)
        _log.info("serving on port %d, mode %s", self.port, serving.mode.value)
        if old is not None:
            task = asyncio.create_task(old.stop(GRACE))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Stop serving at once."""
        if self._server is not None:
            await self._server.stop(0)
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=GRACE + 1)

    def _who(self, context: grpc.aio.ServicerContext) -> Caller:
        """Return who calls, by the roles that count now."""
        return recognize(context, self._serving.roles if self._serving else frozenset())

    async def _start(self, mode: Mode) -> grpc.aio.Server:
        server = grpc.aio.server(
            interceptors=(Gate(mode, make_rules(), self._who),), options=_OPTIONS, maximum_concurrent_rpcs=CALL_LIMIT
        )
        self._install(server, mode, self._who)
        self.port = self._bind(server, self._credentials(mode))
        await server.start()
        return server

    def _credentials(self, mode: Mode) -> grpc.ServerCredentials:
        assert self._serving is not None
        fetch: Callable[[], Any] = self._fetch
        return grpc.dynamic_ssl_server_credentials(
            self._serving.tls(), fetch, require_client_authentication=mode is Mode.SECURE
        )

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """Return what the next handshake uses. gRPC calls this in a thread of its own."""
        return self._serving.tls() if self._serving is not None else None

    def _bind(self, server: grpc.aio.Server, credentials: grpc.ServerCredentials) -> int:
        failures = []
        for address in self._addresses:
            target = f"{address.rpartition(':')[0]}:{self.port}" if self.port else address
            try:
                port: int = server.add_secure_port(target, credentials)
            except RuntimeError as error:
                failures.append(f"{target}: {error}")
                continue
            return port
        raise OSError(f"cannot listen: {'; '.join(failures)}")
