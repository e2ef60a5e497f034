"""Certificates: what they say, who vouches for them (asked of openssl too), and when they are replaced."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from controllers.pki import authority
from controllers.pki.authority import PkiError, Request, Window
from tests.unit.pki.authorities import NOW, make_ca

DAY = 24 * 3600
SERVER = Request("node1", names=("node1", "localhost"), addresses=("10.0.0.2", "::1"), server=True, client=True)


def test_openssl_verifies_the_chain_the_names_and_the_usage(tmp_path: Path) -> None:
    ca = make_ca()
    made = authority.issue(authority.load_authority(ca.crt, ca.key, "ca"), SERVER, authority.window(NOW, DAY))
    (tmp_path / "ca").write_text(ca.crt)
    (tmp_path / "leaf").write_text(made.certificate)
    for purpose in ("sslserver", "sslclient"):
        for name in (("-verify_hostname", "node1"), ("-verify_ip", "10.0.0.2"), ("-verify_ip", "::1")):
            argv = [
                "openssl",
                "verify",
                "-CAfile",
                "ca",
                "-x509_strict",
                "-attime",
                str(NOW),
                "-purpose",
                purpose,
                *name,
                "leaf",
            ]
            subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True)
    wrong = ["openssl", "verify", "-CAfile", "ca", "-attime", str(NOW), "-verify_hostname", "other", "leaf"]
    assert subprocess.run(wrong, cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_a_leaf_says_what_was_asked() -> None:
    ca = make_ca()
    request = Request("system:node:n1", "system:nodes", client=True)
    made = authority.issue(authority.load_authority(ca.crt, ca.key, "ca"), request, authority.window(NOW, DAY))
    leaf = x509.load_pem_x509_certificate(made.certificate.encode())
    assert made.subject == leaf.subject.rfc4514_string() == "CN=system:node:n1,O=system:nodes"
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert made.not_after == NOW + DAY == int(leaf.not_valid_after_utc.timestamp())
    assert int(leaf.not_valid_before_utc.timestamp()) == NOW - authority.BACKDATE


def test_no_leaf_outlives_its_authority_or_is_older() -> None:
    ca = make_ca(not_before=NOW - 60, not_after=NOW + 3600)
    made = authority.issue(authority.load_authority(ca.crt, ca.key, "ca"), SERVER, authority.window(NOW, DAY))
    assert authority.lifetime(made.certificate) == Window(NOW - 60, NOW + 3600)


def test_renewal_is_due_when_a_third_of_the_life_is_left() -> None:
    ca = make_ca()
    above = x509.load_pem_x509_certificate(ca.crt.encode())
    made = authority.issue(authority.load_authority(ca.crt, ca.key, "ca"), SERVER, Window(NOW, NOW + 300))
    assert authority.renewal_time(made.certificate, above, SERVER) == NOW + 200


@pytest.mark.parametrize(
    "other",
    [
        Request("node2", names=("node1", "localhost"), addresses=("10.0.0.2", "::1"), server=True, client=True),
        Request("node1", names=("node1",), addresses=("10.0.0.2", "::1"), server=True, client=True),
        Request("node1", names=("node1", "localhost"), addresses=("10.0.0.3", "::1"), server=True, client=True),
        Request("node1", names=("node1", "localhost"), addresses=("10.0.0.2", "::1"), server=True),
        Request("node1", "os:admin", names=("node1", "localhost"), addresses=("10.0.0.2", "::1"), server=True, client=True),
    ],
)
def test_a_leaf_that_says_something_else_is_replaced(other: Request) -> None:
    ca = make_ca()
    above = x509.load_pem_x509_certificate(ca.crt.encode())
    made = authority.issue(authority.load_authority(ca.crt, ca.key, "ca"), SERVER, authority.window(NOW, DAY))
    assert authority.renewal_time(made.certificate, above, SERVER) > NOW
    assert authority.renewal_time(made.certificate, above, other) == 0


def test_a_leaf_of_another_authority_is_replaced() -> None:
    ca, other = make_ca(), make_ca()
    made = authority.issue(authority.load_authority(ca.crt, ca.key, "ca"), SERVER, authority.window(NOW, DAY))
    assert authority.renewal_time(made.certificate, x509.load_pem_x509_certificate(other.crt.encode()), SERVER) == 0
    assert authority.renewal_time("rubbish", x509.load_pem_x509_certificate(other.crt.encode()), SERVER) == 0


def test_order_and_repetition_of_names_do_not_matter() -> None:
    one = Request("n", names=("b", "a", "b"), addresses=("10.0.0.2", "10.0.0.1"))
    two = Request("n", names=("a", "b"), addresses=("10.0.0.1", "10.0.0.2", "10.0.0.2"))
    assert one.alternative_names == two.alternative_names


def test_a_self_signed_leaf_vouches_for_itself() -> None:
    made = authority.self_signed(SERVER, Window(NOW, NOW + DAY))
    leaf = x509.load_pem_x509_certificate(made.certificate.encode())
    assert authority.renewal_time(made.certificate, leaf, SERVER) > NOW
    assert leaf.issuer == leaf.subject


def test_the_fingerprint_is_what_openssl_says(tmp_path: Path) -> None:
    made = authority.self_signed(SERVER, Window(NOW, NOW + DAY))
    argv = ["openssl", "x509", "-noout", "-fingerprint", "-sha256"]
    said = subprocess.run(argv, input=made.certificate, capture_output=True, text=True, check=True).stdout
    assert said.strip().rpartition("=")[2].replace(":", "").lower() == authority.fingerprint(made.certificate)


def test_unusable_authorities_say_why_and_never_show_the_key() -> None:
    ca, other = make_ca(), make_ca()
    leaf = authority.self_signed(SERVER, Window(NOW, NOW + DAY))
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    cases = [
        (("", ca.key), "os certificate: not a certificate in PEM form"),
        ((ca.crt, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "os key: not an unencrypted private key"),
        ((ca.crt, other.key), "os: the key does not belong to the certificate"),
        ((leaf.certificate, leaf.key), "os: the certificate is not that of an authority"),
        ((ca.crt, key.decode()), "os key: a Ed25519PrivateKey; use ECDSA"),
    ]
    for (certificate, private), message in cases:
        with pytest.raises(PkiError, match=message.replace("(", r"\(")) as caught:
            authority.load_authority(certificate, private, "os")
        assert "AAAA" not in str(caught.value)


def test_an_rsa_authority_signs_too() -> None:
    ca = make_ca(rsa=True)
    made = authority.issue(authority.load_authority(ca.crt, ca.key, "ca"), SERVER, authority.window(NOW, DAY))
    above = x509.load_pem_x509_certificate(ca.crt.encode())
    assert authority.renewal_time(made.certificate, above, SERVER) > NOW
