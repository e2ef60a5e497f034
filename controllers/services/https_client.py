"""Short HTTP requests to the services of this node, by the standard library: a small import and bounded everywhere.

Certificates come from resources as PEM text and never touch a disk: OpenSSL reads them from a memfd.
A request runs in a thread; its time-out counts for the whole exchange, answers above `MAX_BODY` are refused.
"""

import asyncio
import contextlib
import http.client
import json
import os
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from controllers.services.errors import RequestError

MAX_BODY = 8 << 20
"""Bytes of an answer; the largest wanted one is kubelet's list of pods."""


@dataclass(frozen=True)
class Identity:
    """Who we are and whom we believe, as PEM. `server_name` is what the server's certificate must carry."""

    ca: str = field(repr=False)
    certificate: str = field(repr=False)
    key: str = field(repr=False)
    server_name: str = ""


@dataclass(frozen=True)
class Endpoint:
    """Where to ask; plain HTTP without `identity`. `timeout` in seconds."""

    host: str
    port: int
    identity: Identity | None = None
    timeout: float = 5.0


@dataclass(frozen=True)
class Response:
    """An answer."""

    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the server did what was asked."""
        return 200 <= self.status < 300

    def json(self) -> dict[str, Any]:
        """Return the body as an object. Raises `RequestError`."""
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise RequestError(f"the answer is no JSON: {self.text()}") from error
        if not isinstance(value, dict):
            raise RequestError(f"the answer is no object: {self.text()}")
        return value

    def text(self) -> str:
        """Return the beginning of the body, for messages."""
        return self.body[:300].decode(errors="replace").strip()


async def send(
    endpoint: Endpoint, method: str, path: str, body: Any = None, content_type: str = "application/json"
) -> Response:
    """Send one request; `body` becomes JSON unless it is bytes. Raises `RequestError` when no answer comes."""
    try:
        async with asyncio.timeout(endpoint.timeout * 2 + 1):
            return await asyncio.to_thread(_send, endpoint, method, path, body, content_type)
    except TimeoutError as error:
        raise RequestError(f"{method} {path} at {endpoint.host}:{endpoint.port}: no answer in time") from error


def _send(endpoint: Endpoint, method: str, path: str, body: Any, content_type: str) -> Response:
    payload = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    where = f"{method} {path} at {endpoint.host}:{endpoint.port}"
    with contextlib.closing(_connection(endpoint)) as connection:
        try:
            connection.request(method, path, payload, {"Content-Type": content_type, "Accept": "application/json"})
            answer = connection.getresponse()
            data = answer.read(MAX_BODY + 1)
        except (OSError, http.client.HTTPException) as error:
            raise RequestError(f"{where}: {error or type(error).__name__}") from error
    if len(data) > MAX_BODY:
        raise RequestError(f"{where}: the answer has more than {MAX_BODY} bytes")
    return Response(answer.status, data)


def _connection(endpoint: Endpoint) -> http.client.HTTPConnection:
    identity = endpoint.identity
    if identity is None:
        return http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=endpoint.timeout)
    return _NamedConnection(endpoint, identity)


class _NamedConnection(http.client.HTTPConnection):
    """An HTTPS connection that checks the server's certificate against a name of its own, not the address."""

    def __init__(self, endpoint: Endpoint, identity: Identity) -> None:
        super().__init__(endpoint.host, endpoint.port, timeout=endpoint.timeout)
        self._server_name = identity.server_name or endpoint.host
        self._context = _context(identity)

    def connect(self) -> None:
        """Connect and shake hands."""
        super().connect()
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self._server_name)


@lru_cache(maxsize=16)
def _context(identity: Identity) -> ssl.SSLContext:
    """Return a TLS context that trusts only our CA. Raises `RequestError` for certificates that do not fit."""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=identity.ca)
        fd = os.memfd_create("client-certificate")
        with os.fdopen(fd, "w+b") as file:
            file.write(f"{identity.key}\n{identity.certificate}\n".encode())
            file.flush()
            context.load_cert_chain(f"/proc/self/fd/{fd}")
    except (ssl.SSLError, ValueError, OSError) as error:
        raise RequestError(f"the client certificate cannot be used: {error}") from error
    return context
