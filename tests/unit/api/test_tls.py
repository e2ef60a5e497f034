"""What a failed handshake means to the user."""

import socket
import threading

from api.client.address import Address
from api.client.errors import ClientError, TrustError, Unreachable
from api.client.tls import Identity, diagnose
from tests.harness.authority import self_signed

LIMIT = 10  # seconds


def diagnose_peer(answer: bytes) -> ClientError | None:
    """Return what is said of a peer that answers this to the first message and hangs up."""
    pair = self_signed()
    identity = Identity(ca=pair.certificate, certificate=pair.certificate, key=pair.key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LIMIT)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)  # what was not read would make the end a reset
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            return diagnose(Address("127.0.0.1", server.getsockname()[1]), identity, LIMIT)
        finally:
            thread.join(LIMIT)


def test_a_peer_that_hangs_up_is_one_that_cannot_be_reached_now() -> None:
    found = diagnose_peer(b"")
    assert isinstance(found, Unreachable)
    assert "hung up" in str(found)


def test_a_peer_that_speaks_something_else_is_not_trusted() -> None:
    found = diagnose_peer(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert isinstance(found, TrustError)
    assert "TLS handshake" in str(found)
