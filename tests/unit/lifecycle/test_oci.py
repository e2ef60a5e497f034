import pytest

from controllers.lifecycle.oci import Reference, parse_reference

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("text", "reference", "base"),
    [
        ("oci://r.example.org/ophite:1.2", Reference("r.example.org", "ophite", "1.2"), "https://r.example.org/v2/ophite"),
        ("oci://r:5000/a/b-c/d__e:x", Reference("r:5000", "a/b-c/d__e", "x"), "https://r:5000/v2/a/b-c/d__e"),
        (f"oci://r/x@{DIGEST}", Reference("r", "x", "", DIGEST), "https://r/v2/x"),
        (f"oci://r/x:1@{DIGEST}", Reference("r", "x", "1", DIGEST), "https://r/v2/x"),
        ("oci+http://r:5000/x:1", Reference("r:5000", "x", "1", plain=True), "http://r:5000/v2/x"),
        ("oci://localhost:5000/x:1", Reference("localhost:5000", "x", "1"), "http://localhost:5000/v2/x"),
        ("oci://127.0.0.1/x:1", Reference("127.0.0.1", "x", "1"), "http://127.0.0.1/v2/x"),
        ("oci://[::1]:5000/x:1", Reference("[::1]:5000", "x", "1"), "http://[::1]:5000/v2/x"),
        ("oci://[2001:db8::1]/x:1", Reference("[2001:db8::1]", "x", "1"), "https://[2001:db8::1]/v2/x"),
    ],
)
def test_references(text: str, reference: Reference, base: str) -> None:
    assert parse_reference(text) == reference
    assert reference.base == base
