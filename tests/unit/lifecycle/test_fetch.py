import pytest

from controllers.lifecycle.errors import FetchError
from controllers.lifecycle.fetch import check_source


@pytest.mark.parametrize(
    "source",
    [
        "https://example.org/ophite.bundle",
        "HTTPS://example.org:8443/a%20b?token=x",
        "https://[2001:db8::1]/x",
        "http://127.0.0.1:8000/x",
        "http://localhost/x",
        "oci://registry.example.org/team/ophite:1.2.3",
        f"oci://r:5000/x@sha256:{'0' * 64}",
        "oci+http://10.0.2.2:5000/ophite:2",
    ],
)
def test_what_can_be_fetched(source: str) -> None:
    check_source(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "an empty text is no source"),
        ("/tmp/x.bundle", "no source of a bundle"),
        ("ftp://example.org/x", "no source of a bundle"),
        ("file:///etc/shadow", "no source of a bundle"),
        ("http://example.org/x", "plain HTTP is not used"),
        ("http://127.0.0.1.example.org/x", "plain HTTP is not used"),
        ("https://", "no address of a file"),
        ("https:///x", "no address of a file"),
        ("https://example.org:0/x", "no address of a file"),
        ("https://example.org:99999/x", "no address of a file"),
        ("https://[::1/x", "no address of a file"),
        ("https://example.org/a b", "no address of a file"),
        ("https://example.org/a\r\nHost: x", "no address of a file"),
        ("https://example.org/ä", "no address of a file"),
        ("https://user:secret@example.org/x", "a password in it is not used"),
        ("oci://registry.example.org/ophite", "neither a tag nor a digest"),
        ("oci://registry.example.org/OPHITE:1", "no reference"),
        ("oci://registry.example.org/../x:1", "no reference"),
        ("oci://registry.example.org/x@sha256:abc", "no reference"),
        ("oci://user:pw@registry/x:1", "no reference"),
        ("oci://" + "x" * 1000 + "/y:1", "no reference"),
    ],
)
def test_what_cannot(source: str, message: str) -> None:
    with pytest.raises(FetchError, match=message) as caught:
        check_source(source)
    assert caught.value.hint
    assert "secret" not in str(caught.value)
