"""A real HTTP or HTTPS server on this machine that answers what a test says."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from tests.harness.authority import Pair


class Reply(NamedTuple):
    """What is answered; `length` overrides Content-Length (-1: none)."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None


class Request(NamedTuple):
    """What was asked."""

    path: str
    headers: dict[str, str]


Answer = Callable[[Request], Reply]


class Server(ThreadingHTTPServer):
    """Keeps what was asked; its threads end with it. `url` has no slash at its end."""

    daemon_threads = True

    def __init__(self, answer: Answer, pair: Pair | None, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.requests = answer, list[Request]()
        self.url = f"{'https' if pair else 'http'}://127.0.0.1:{self.server_port}"
        if pair:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            path = directory / f"server-{self.server_port}.pem"
            path.write_text(pair.key + pair.certificate)
            context.load_cert_chain(path)
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that refuse are what is tested."""


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server

    def do_GET(self) -> None:
        request = Request(self.path, {name.lower(): value for name, value in self.headers.items()})
        self.server.requests.append(request)
        reply = self.server.answer(request)
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.length != -1:
            self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serve(answer: Answer, directory: Path, pair: Pair | None = None) -> Iterator[Server]:
    """Run a server for a while."""
    with Server(answer, pair, directory) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
