"""Downloads by the standard library: bounded in size, redirects and time, with certificates always checked.

A body is handed on as it comes, one receive at a time, so that a server that sends one byte now and then meets the limit of
the whole download and not only the one of a receive. Plain HTTP is never fallen back to: `Plain` says where it may be used.
Sources: RFC 9110 (redirects, `Content-Length`), RFC 9112.
"""

from __future__ import annotations

import http.client
import ipaddress
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, urljoin, urlsplit

from controllers.lifecycle.errors import FetchError
from controllers.ports import Ports

CHUNK = 1 << 20
MAX_BODY = 32 << 30
"""Bytes of any download; the parts of a bundle have tighter limits of their own."""
MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
AGENT = "ophite"
CA_FILE = "etc/ssl/certs/ca-certificates.crt"


class Plain(Enum):
    """Where HTTP without TLS may be used."""

    NEVER = "never"
    LOOPBACK = "loopback"
    ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a download may take, in seconds, patience included: `receive` for each wait, `total` for all of it. `ca_file` holds
    the authorities that are believed, PEM.
    """

    ca_file: Path
    receive: float = 30.0
    total: float = 3600.0
    now: Callable[[], float] = field(default=time.monotonic)

    @classmethod
    def of(cls, ports: Ports) -> Self:
        """Return the limits on this node."""
        return cls(ports.paths / CA_FILE, 30.0 * ports.patience, 3600.0 * ports.patience, ports.clock.now)


@dataclass(slots=True)
class Answer:
    """An answer whose body has not been read. `url` is where it came from in the end, `length` its bytes or None."""

    url: str
    status: int
    headers: Mapping[str, str]
    length: int | None
    _response: http.client.HTTPResponse
    _check: Callable[[], None]

    def read(self) -> Iterator[bytes]:
        """Yield the body as it comes. Raises `FetchError` when it is cut off, too long or too slow."""
        count = 0
        with _explained(self.url):
            while data := self._response.read1(CHUNK):
                count += len(data)
                if count > MAX_BODY:
                    raise FetchError(f"{show(self.url)}: more than {MAX_BODY >> 30} GiB", "is this a bundle?")
                yield data
                self._check()
        if self.length is not None and count != self.length:
            raise FetchError(f"{show(self.url)}: cut off after {count} of {self.length} bytes", "try it again")

    def read_small(self, limit: int) -> bytes:
        """Return the whole body. Raises `FetchError` when it has more than `limit` bytes."""
        body = b""
        for data in self.read():
            body += data
            if len(body) > limit:
                raise FetchError(f"{show(self.url)}: the answer has more than {limit} bytes", "is this the right address?")
        return body


class Web:
    """One download, with as many requests as it needs; its total time begins here."""

    def __init__(self, limits: Limits, plain: Plain = Plain.NEVER) -> None:
        self._limits = limits
        self._plain = plain
        self._end = limits.now() + limits.total

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[Answer]:
        """Send a GET and follow redirects; `Authorization` never goes to another host. Raises `FetchError`."""
        sent, start = dict(headers or {}), url
        for _ in range(MAX_REDIRECTS + 1):
            with closing(self._connect(url)) as connection:
                answer = self._send(connection, url, sent)
                if answer.status not in REDIRECTS or "location" not in answer.headers:
                    yield answer
                    return
                target = _join(url, answer.headers["location"])
            if _origin(target) != _origin(url):
                sent.pop("Authorization", None)
            url = target
        raise FetchError(f"{show(start)}: more than {MAX_REDIRECTS} redirects", "use the address that they lead to")

    def _connect(self, url: str) -> http.client.HTTPConnection:
        parts, timeout = parse_url(url), self._limits.receive
        host = parts.hostname or ""
        self._check_time()
        if parts.scheme == "https":
            try:
                context = ssl.create_default_context(cafile=str(self._limits.ca_file))
            except (OSError, ssl.SSLError) as error:
                raise FetchError(f"{self._limits.ca_file}: {error}", "the image has no certificate authorities") from error
            return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)
        if self._plain is Plain.NEVER or (self._plain is Plain.LOOPBACK and not is_loopback(host)):
            raise FetchError(f"{show(url)}: plain HTTP is not used", "use https://, or oci+http:// for a registry without TLS")
        return http.client.HTTPConnection(host, parts.port, timeout=timeout)

    def _send(self, connection: http.client.HTTPConnection, url: str, headers: Mapping[str, str]) -> Answer:
        parts = parse_url(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with _explained(url):
            connection.request("GET", path, headers={"User-Agent": AGENT, "Accept-Encoding": "identity", **headers})
            response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        encoding = found.get("content-encoding", "identity")
        if encoding != "identity":
            raise FetchError(f"{show(url)}: the server compresses its answer with {encoding[:40]}", "serve the file as it is")
        length = found.get("content-length", "")
        size = int(length) if length.isdecimal() and "transfer-encoding" not in found else None
        if size is not None and size > MAX_BODY:
            raise FetchError(f"{show(url)}: {size} bytes are more than {MAX_BODY >> 30} GiB", "is this a bundle?")
        return Answer(url, response.status, found, size, response, self._check_time)

    def _check_time(self) -> None:
        if self._limits.now() > self._end:
            raise FetchError(
                f"the download took longer than {self._limits.total:g} s", "use a faster server, or upload the bundle"
            )


def expect_ok(answer: Answer) -> Answer:
    """Return an answer of status 200. Raises `FetchError`."""
    if answer.status != http.client.OK:
        reason = http.client.responses.get(answer.status, "")
        raise FetchError(f"{show(answer.url)}: the server answered {answer.status} {reason}".rstrip(), "check the address")
    return answer


def parse_url(url: str) -> SplitResult:
    """Return the parts of an http or https address. Raises `FetchError`."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid or not url.isascii() or not url.isprintable() or " " in url:
        raise FetchError(
            f"{show(url)} is no address of a file", "it looks like https://host/path; encode other characters as %XX"
        )
    if parts.username is not None or parts.password is not None:
        raise FetchError("an address with a password in it is not used", "serve the bundle without one, or upload it")
    return parts


def show(url: str) -> str:
    """Return an address for a message: without what may be secret in it."""
    bare = url.partition("?")[0].partition("#")[0]
    head, separator, tail = bare.rpartition("@")
    text = f"{head.partition('://')[0]}://{tail}" if separator and "/" not in head.partition("://")[2] else bare
    return ascii(text)[1:-1][:200]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or address alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _join(base: str, location: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError:
        raise FetchError(f"{show(base)}: the server redirects to nowhere", "check the address") from None


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = parse_url(url)
    return parts.scheme, parts.hostname or "", parts.port


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn what the standard library raises into an error for the user."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        text = f"{show(url)}: the certificate is not accepted: {error.verify_message}"
        raise FetchError(text, "its authority must be in the image's list, and the node's time must be right") from error
    except TimeoutError as error:
        raise FetchError(f"{show(url)}: no answer in time", "check the server and the network") from error
    except (OSError, http.client.HTTPException) as error:
        said = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
        raise FetchError(f"{show(url)}: {said[:300]}", "check the address, the server and the network") from error
