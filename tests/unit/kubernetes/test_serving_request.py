"""What is read from a kubelet's PKCS #10, and what is not even looked at."""

from base64 import b64encode
from contextlib import suppress
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AttributeOID, ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from controllers.kubernetes.serving_request import (
    MAX_NAMES,
    MAX_REQUEST,
    Unfit,
    make_subject,
    parse_content,
    parse_signing_request,
    plain_address,
)
from controllers.services.errors import RequestError
from tests.unit.kubernetes.signing import GOOD, KEY, Asked, make_builder, make_pem

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


def test_what_kubelet_asks_for() -> None:
    content = parse_content(make_pem(names=("w1",), addresses=("192.0.2.21", "2001:db8::21")))
    assert tuple(sorted(content.subject)) == make_subject("system:node:w1", "system:nodes")
    assert content.names == ("w1",)
    assert content.addresses == (ip_address("192.0.2.21"), ip_address("2001:db8::21"))


def test_an_ipv4_address_that_is_written_as_ipv6_is_that_address() -> None:
    assert parse_content(make_pem(addresses=("::ffff:10.96.0.1",))).addresses == (ip_address("10.96.0.1"),)
    assert plain_address("2001:db8::1") == ip_address("2001:db8::1")


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(public_exponent=65537, key_size=2048)]
)
def test_other_good_keys(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    assert parse_content(make_pem(key=key)).names == ("w1",)


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP224R1()), rsa.generate_private_key(public_exponent=65537, key_size=1024)]
)
def test_weak_keys(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    with pytest.raises(Unfit, match="its key is neither ECDSA"):
        parse_content(make_pem(key=key))


def challenge(builder: x509.CertificateSigningRequestBuilder) -> x509.CertificateSigningRequestBuilder:
    return builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, b"x")


def usages(builder: x509.CertificateSigningRequestBuilder) -> x509.CertificateSigningRequestBuilder:
    return builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)


def authority(builder: x509.CertificateSigningRequestBuilder) -> x509.CertificateSigningRequestBuilder:
    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)


@pytest.mark.parametrize("add", [challenge, usages, authority])
def test_nothing_else_may_be_in_it(add: object) -> None:
    assert callable(add)
    pem = add(make_builder()).sign(KEY, hashes.SHA256()).public_bytes(PEM)
    with pytest.raises(Unfit, match="other attributes or extensions"):
        parse_content(pem)


def split(der: bytes) -> list[bytes]:
    """The elements of a DER value, each with its head."""
    found = []
    while der:
        size, head = der[1], 2
        if size >= 128:
            head += size - 128
            size = int.from_bytes(der[2:head], "big")
        found.append(der[: head + size])
        der = der[head + size :]
    return found


def unpack(element: bytes) -> bytes:
    """The value of an element."""
    return element[2 if element[1] < 128 else element[1] - 126 :]


def pack(tag: int, value: bytes) -> bytes:
    """An element with two bytes of length."""
    return bytes((tag, 0x82)) + len(value).to_bytes(2, "big") + value if len(value) > 255 else encode_short(tag, value)


def encode_short(tag: int, value: bytes) -> bytes:
    """An element of at most 255 bytes."""
    return bytes((tag, 0x81, len(value)) if len(value) > 127 else (tag, len(value))) + value


def test_a_second_request_for_extensions_is_not_overlooked() -> None:
    """Go's parser adds the names of both together, or lets the last count; others look at the first."""
    first, second = (split(unpack(x509.load_pem_x509_csr(one).public_bytes(DER))) for one in (GOOD, make_pem(names=("w2",))))
    parts, attributes = split(unpack(first[0])), unpack(split(unpack(second[0]))[3])
    assert parts[3][0] == 0xA0
    information = b"".join([*parts[:3], pack(0xA0, unpack(parts[3]) + attributes)])
    der = pack(0x30, pack(0x30, information) + b"".join(first[1:]))
    assert len(list(x509.load_der_x509_csr(der).attributes)) == 2
    with pytest.raises(Unfit, match="other attributes or extensions"):
        parse_content(armour(der))


def armour(der: bytes) -> bytes:
    """PEM of anything."""
    return b"-----BEGIN CERTIFICATE REQUEST-----\n" + b64encode(der) + b"\n-----END CERTIFICATE REQUEST-----\n"


def test_an_extension_that_is_no_alternative_names() -> None:
    pem = usages(make_builder(names=(), addresses=())).sign(KEY, hashes.SHA256()).public_bytes(PEM)
    with pytest.raises(Unfit, match=r"no subject alternative names but 2\.5\.29\.37"):
        parse_content(pem)


def test_no_names_at_all() -> None:
    with pytest.raises(Unfit, match="other attributes or extensions than one of subject alternative names"):
        parse_content(make_pem(names=(), addresses=()))


def test_too_many_names() -> None:
    assert len(parse_content(make_pem(names=[f"w{n}" for n in range(MAX_NAMES)], addresses=())).names) == MAX_NAMES
    with pytest.raises(Unfit, match=f"it has {MAX_NAMES + 1} subject alternative names"):
        parse_content(make_pem(names=[f"w{n}" for n in range(MAX_NAMES)]))


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        (x509.RFC822Name("a@example.org"), "RFC822Name"),
        (x509.UniformResourceIdentifier("spiffe://home/w1"), "UniformResourceIdentifier"),
        (x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01a"), "OtherName"),
    ],
)
def test_names_of_other_kinds(other: x509.GeneralName, kind: str) -> None:
    with pytest.raises(Unfit, match=f"of the kind {kind}; DNS names and addresses"):
        parse_content(make_pem(others=[other]))


def test_its_size_is_limited() -> None:
    with pytest.raises(Unfit, match=f"the limit is {MAX_REQUEST}"):
        parse_content(GOOD + b"\n" * MAX_REQUEST)


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"junk\n" + GOOD,
        GOOD + GOOD,
        GOOD.replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"),
        GOOD.replace(b"REQUEST-----\n", b"REQUEST-----\nProc-Type: 4,ENCRYPTED\n\n", 1),
    ],
)
def test_exactly_one_block(pem: bytes) -> None:
    with pytest.raises(Unfit, match="not exactly one PEM block"):
        parse_content(pem)


@pytest.mark.parametrize(
    "body", [b"MAo=", b"AAAA\n=AAA", GOOD.split(b"-----")[2].strip() + b"\nAAAA"], ids=["short", "base64", "more behind it"]
)
def test_broken_inside(body: bytes) -> None:
    with pytest.raises(Unfit, match="it cannot be read"):
        parse_content(b"-----BEGIN CERTIFICATE REQUEST-----\n" + body + b"\n-----END CERTIFICATE REQUEST-----\n")


@pytest.mark.filterwarnings("ignore:Attribute's length:UserWarning")
@given(st.binary(max_size=300), st.integers(0, 400))
def test_whatever_is_inside_nothing_else_is_raised(noise: bytes, where: int) -> None:
    der = x509.load_pem_x509_csr(GOOD).public_bytes(DER)
    broken = der[:where] + noise + der[where + len(noise) :]
    with suppress(Unfit):
        parse_content(armour(broken))


def test_pending() -> None:
    assert Asked().parsed.pending
    assert not Asked(conditions=({"type": "Denied", "status": "True"},)).parsed.pending
    assert not Asked(certificate="Q1JU").parsed.pending


def test_an_object_of_another_shape() -> None:
    with pytest.raises(RequestError, match=r"is not understood: .*`metadata`"):
        parse_signing_request({"spec": {"request": ""}})
