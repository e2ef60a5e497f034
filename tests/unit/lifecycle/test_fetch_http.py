import pytest

from controllers.lifecycle.fetch_http import Limits, is_loopback, show
from controllers.ports import Ports


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/x?token=secret#part", "https://example.org/x"),
        ("https://user:secret@example.org/x", "https://example.org/x"),
        ("https://example.org/a@b", "https://example.org/a@b"),
        ("https://example.org/\x1b[2J", "https://example.org/\\x1b[2J"),
        ("x" * 500, "x" * 200),
    ],
)
def test_addresses_in_messages_hold_no_secrets(url: str, shown: str) -> None:
    assert show(url) == shown


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("localhost.evil", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_limits_are_stretched_by_patience() -> None:
    limits = Limits.of(Ports(patience=20))
    assert (limits.receive, limits.total) == (600, 72_000)
    assert str(limits.ca_file) == "/etc/ssl/certs/ca-certificates.crt"
