"""What a CertificateSigningRequest says (Kubernetes API, certificates.k8s.io/v1), and what is in its PKCS #10.

Trap: controller-manager reads the same bytes with another parser (Go's crypto/x509). So what two parsers could read
differently is refused: a second PEM block, further attributes or extensions, names that are neither DNS names nor addresses.
Sources: RFC 2986 (PKCS #10), RFC 5280, 4.2.1.6 (alternative names).
"""

import base64
import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from controllers.services.errors import RequestError

Address = IPv4Address | IPv6Address

MAX_REQUEST = 8 << 10
"""Bytes of PEM; kubelet's has about 500."""

MAX_NAMES = 16
"""Alternative names; kubelet asks for one name and an address per family."""

RSA_BITS = (2048, 8192)
CURVES = ("secp256r1", "secp384r1", "secp521r1")

UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What cryptography raises for bytes that it does not understand."""

_PEM = re.compile(rb"-----BEGIN CERTIFICATE REQUEST-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE REQUEST-----\s*")


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """Of an object, what is needed here."""

    name: str
    uid: str
    resource_version: str


class RequestSpec(msgspec.Struct, frozen=True):
    """What was asked; `username` and `groups` are the API server's own words. `request` is PEM."""

    request: bytes
    username: str = ""
    groups: tuple[str, ...] = ()
    usages: tuple[str, ...] = ()


class Condition(msgspec.Struct, frozen=True):
    """`Approved`, `Denied` or `Failed`."""

    type: str
    message: str = ""


class RequestStatus(msgspec.Struct, frozen=True):
    """What was answered."""

    conditions: tuple[Condition, ...] = ()
    certificate: str = ""


class SigningRequest(msgspec.Struct, frozen=True):
    """A CertificateSigningRequest."""

    metadata: Metadata
    spec: RequestSpec
    status: RequestStatus = RequestStatus()

    @property
    def pending(self) -> bool:
        """Whether nobody has approved or denied it, and signing has not failed."""
        return not self.status.certificate and not self.status.conditions


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What the PKCS #10 asks for: whole subject as (object id, value), names and addresses of the server."""

    subject: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    addresses: tuple[Address, ...]


class Unfit(Exception):
    """The PKCS #10 is not what kubelet makes; the text says why."""


def parse_signing_request(item: Any) -> SigningRequest:
    """Return an item of the API server's list. Raises `RequestError`."""
    try:
        return msgspec.convert(item, SigningRequest)
    except msgspec.ValidationError as error:
        raise RequestError(f"a certificate signing request is not understood: {error}") from error


def parse_content(pem: bytes) -> Content:
    """Return what a PEM text asks for. Raises `Unfit`."""
    if len(pem) > MAX_REQUEST:
        raise Unfit(f"it has {len(pem)} bytes, the limit is {MAX_REQUEST}")
    match = _PEM.fullmatch(pem)
    if match is None:
        raise Unfit("it is not exactly one PEM block CERTIFICATE REQUEST")
    try:
        request = x509.load_der_x509_csr(base64.b64decode(b"".join(match[1].split()), validate=True))
        _check_key(request.public_key())
        names = _get_names(request)
        subject = tuple((one.oid.dotted_string, str(one.value)) for one in request.subject)
    except UNREADABLE as error:
        raise Unfit(f"it cannot be read: {error}") from error
    dns = tuple(one.value for one in names if isinstance(one, x509.DNSName))
    addresses = tuple(plain_address(one.value) for one in names if isinstance(one, x509.IPAddress))
    return Content(subject=subject, names=dns, addresses=addresses)


def make_subject(common_name: str, organization: str) -> tuple[tuple[str, str], ...]:
    """Return the subject that a node's request has, sorted."""
    pairs = ((NameOID.COMMON_NAME, common_name), (NameOID.ORGANIZATION_NAME, organization))
    return tuple(sorted((oid.dotted_string, value) for oid, value in pairs))


def plain_address(value: object) -> Address:
    """Return an address, an IPv4 address that is written as IPv6 (RFC 4291, 2.5.5.2) as IPv4. Raises `ValueError`."""
    address = ip_address(str(value))
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _check_key(key: object) -> None:
    """Raise `Unfit` unless the key is ECDSA or RSA of a usual size."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return
    least, most = RSA_BITS
    if not isinstance(key, rsa.RSAPublicKey) or not least <= key.key_size <= most:
        raise Unfit(f"its key is neither ECDSA ({', '.join(CURVES)}) nor RSA with {least} to {most} bits")


def _get_names(request: x509.CertificateSigningRequest) -> list[x509.GeneralName]:
    """Return the alternative names, the only thing beside subject and key. Raises `Unfit`, and what the parser raises."""
    extensions = list(request.extensions)
    if len(list(request.attributes)) != 1 or len(extensions) != 1:
        raise Unfit("it has other attributes or extensions than one of subject alternative names")
    value = extensions[0].value
    if not isinstance(value, x509.SubjectAlternativeName):
        raise Unfit(f"it has no subject alternative names but {extensions[0].oid.dotted_string}")
    names = list(value)
    if not 1 <= len(names) <= MAX_NAMES:
        raise Unfit(f"it has {len(names)} subject alternative names; 1 to {MAX_NAMES} are allowed")
    strange = sorted({type(one).__name__ for one in names if not isinstance(one, x509.DNSName | x509.IPAddress)})
    if strange:
        raise Unfit(f"it has alternative names of the kind {', '.join(strange)}; DNS names and addresses are allowed")
    return names
