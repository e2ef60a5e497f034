"""The HTTP client: bounded, typed errors, mutual TLS from PEM in memory."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from controllers.services import https_client
from controllers.services.errors import RequestError
from controllers.services.https_client import Endpoint, Identity, send
from tests.harness.authority import Authority


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, b'{"got": %d}' % len(body))

    def do_GET(self) -> None:
        answers = {"/object": (200, b'{"a": 1}'), "/list": (200, b"[]"), "/bad": (503, b"not today")}
        self._answer(*answers.get(self.path, (200, b"x" * 2000)))

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


async def test_json_goes_and_comes(port: int) -> None:
    endpoint = Endpoint("127.0.0.1", port)
    assert (await send(endpoint, "POST", "/", {"a": 1})).json() == {"got": 8}
    assert (await send(endpoint, "GET", "/object")).json() == {"a": 1}
    with pytest.raises(RequestError, match="no object"):
        (await send(endpoint, "GET", "/list")).json()
    with pytest.raises(RequestError, match="no JSON"):
        (await send(endpoint, "GET", "/big")).json()


async def test_a_refusal_is_an_answer(port: int) -> None:
    response = await send(Endpoint("127.0.0.1", port), "GET", "/bad")
    assert (response.ok, response.status, response.text()) == (False, 503, "not today")


async def test_large_answers_are_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https_client, "MAX_BODY", 1000)
    with pytest.raises(RequestError, match="more than 1000 bytes"):
        await send(Endpoint("127.0.0.1", port), "GET", "/big")


async def test_nobody_listens() -> None:
    with pytest.raises(RequestError, match=r"GET / at 127\.0\.0\.1:1"):
        await send(Endpoint("127.0.0.1", 1), "GET", "/")


async def test_mutual_tls(tmp_path: Path) -> None:
    ca, other = Authority("ours"), Authority("theirs")
    server_leaf, leaf = ca.server(), ca.client("us")
    (tmp_path / "leaf.pem").write_text(server_leaf.key + server_leaf.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "leaf.pem")
    context.load_verify_locations(cadata=ca.pem)
    context.verify_mode = ssl.CERT_REQUIRED
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # refused handshakes are the point
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            ours = Identity(ca.pem, leaf.certificate, leaf.key, server_name="localhost")
            assert (await send(Endpoint("127.0.0.1", server.server_port, ours), "GET", "/object")).ok
            wrong_ca = Identity(other.pem, leaf.certificate, leaf.key, server_name="localhost")
            with pytest.raises(RequestError, match="verify failed"):
                await send(Endpoint("127.0.0.1", server.server_port, wrong_ca), "GET", "/object")
            wrong_name = Identity(ca.pem, leaf.certificate, leaf.key, server_name="elsewhere")
            with pytest.raises(RequestError, match="mismatch"):
                await send(Endpoint("127.0.0.1", server.server_port, wrong_name), "GET", "/object")
        finally:
            server.shutdown()
            thread.join()


async def test_unusable_certificates_are_a_request_error() -> None:
    with pytest.raises(RequestError, match="cannot be used"):
        await send(Endpoint("127.0.0.1", 1, Identity("no", "such", "thing")), "GET", "/")


def test_an_identity_shows_no_key() -> None:
    assert "PRIVATE" not in repr(Identity("CA", "CRT", "PRIVATE"))
