"""X.509 with ECDSA P-256: authorities, leaf certificates, self-signed ones, and when a leaf has to be replaced.

Pure: text (PEM) and times in, text out; nothing is stored. A certificate stays good while a third of its life is left
and its issuer, subject, names and usages are those that are wanted.
Sources: RFC 5280; RFC 5758 (ECDSA with SHA-2); CA/B baseline 7.1.2 for the extensions of a leaf.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

RENEW_AT = 1 / 3
"""A leaf is replaced when this share of its life is left."""
BACKDATE = 300
"""Seconds by which a leaf is valid before it was made, for peers whose clock is a little behind."""


class PkiError(Exception):
    """A certificate or key cannot be used; the text says which and why, and never contains the key."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority that may sign."""

    certificate: x509.Certificate
    key: SigningKey


@dataclass(frozen=True, slots=True)
class Request:
    """What a leaf certificate shall say. `organization` is what Kubernetes calls groups, and the node's API roles."""

    common_name: str
    organization: str = ""
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    server: bool = False
    client: bool = False

    @property
    def subject(self) -> x509.Name:
        """The distinguished name."""
        organization = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.organization)] if self.organization else []
        return x509.Name([*organization, x509.NameAttribute(NameOID.COMMON_NAME, self.common_name)])

    @property
    def alternative_names(self) -> list[x509.GeneralName]:
        """DNS names, then addresses, each once, sorted."""
        addresses = {ipaddress.ip_address(one) for one in self.addresses}
        dns: list[x509.GeneralName] = [x509.DNSName(name) for name in sorted(set(self.names))]
        return dns + [x509.IPAddress(one) for one in sorted(addresses, key=lambda one: (one.version, int(one)))]

    @property
    def usages(self) -> list[x509.ObjectIdentifier]:
        """Extended key usages."""
        server = [ExtendedKeyUsageOID.SERVER_AUTH] if self.server else []
        return server + ([ExtendedKeyUsageOID.CLIENT_AUTH] if self.client else [])


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when a certificate is valid, in seconds since the epoch."""

    not_before: int
    not_after: int


@dataclass(frozen=True, slots=True)
class Issued:
    """A leaf certificate and its key as PEM, `subject` for people, `not_after` in seconds since the epoch."""

    certificate: str
    key: str
    subject: str
    not_after: int


def load_certificate(pem: str, what: str) -> x509.Certificate:
    """Return the first certificate of a PEM text. Raises `PkiError`, which calls it `what`."""
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PkiError(f"{what}: not a certificate in PEM form") from error


def load_key(pem: str, what: str) -> SigningKey:
    """Return a private key of EC or RSA kind. Raises `PkiError`, which calls it `what` and shows nothing of it."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PkiError(f"{what}: not an unencrypted private key in PEM form") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise PkiError(f"{what}: a {type(key).__name__}; use ECDSA (P-256) or RSA")
    return key


def load_authority(certificate: str, key: str, what: str) -> Authority:
    """Return an authority whose key belongs to its certificate. Raises `PkiError`."""
    loaded, private = load_certificate(certificate, f"{what} certificate"), load_key(key, f"{what} key")
    if public_pem(private) != _public_bytes(loaded.public_key()):
        raise PkiError(f"{what}: the key does not belong to the certificate")
    try:
        constraints = loaded.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        constraints = x509.BasicConstraints(ca=False, path_length=None)
    if not constraints.ca:
        raise PkiError(f"{what}: the certificate is not that of an authority (CA:TRUE is missing)")
    return Authority(loaded, private)


def public_pem(key: SigningKey) -> str:
    """Return the public half as PEM (SubjectPublicKeyInfo)."""
    return _public_bytes(key.public_key())


def fingerprint(certificate: str) -> str:
    """Return the SHA-256 of a certificate's DER form in lower-case hex. Raises `PkiError`."""
    return load_certificate(certificate, "certificate").fingerprint(hashes.SHA256()).hex()


def window(now: float, seconds: int) -> Window:
    """Return the usual window of a leaf that lives for `seconds`."""
    return Window(int(now) - BACKDATE, int(now) + seconds)


def issue(authority: Authority, request: Request, valid: Window) -> Issued:
    """Return a new leaf with a new key, valid inside the authority's own time.

    Raises `PkiError` where it would have ended before the authority began: then the clock is wrong.
    """
    certificate = authority.certificate
    begin = _seconds(certificate.not_valid_before_utc)
    if valid.not_after <= begin:
        raise PkiError(f"the clock is wrong: the authority was made on {certificate.not_valid_before_utc:%Y-%m-%d}, after that")
    start = max(valid.not_before, begin)
    end = min(valid.not_after, _seconds(certificate.not_valid_after_utc))
    return _sign(request, Window(min(start, end), end), certificate.subject, authority.key, certificate)


def self_signed(request: Request, valid: Window) -> Issued:
    """Return a leaf that vouches for itself: what a node serves with before it has an authority."""
    return _sign(request, valid, request.subject, None, None)


def _sign(
    request: Request, valid: Window, issuer: x509.Name, signer: SigningKey | None, above: x509.Certificate | None
) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    by = public if above is None else above.public_key()
    assert isinstance(by, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(valid.not_before))
        .not_valid_after(_moment(valid.not_after))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage(request.usages), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by), critical=False)
    )
    if request.alternative_names:
        builder = builder.add_extension(x509.SubjectAlternativeName(request.alternative_names), critical=False)
    certificate = builder.sign(signer or key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return Issued(pem, private, request.subject.rfc4514_string(), valid.not_after)


def renewal_time(certificate: str, authority: x509.Certificate, request: Request) -> float:
    """Return when a leaf has to be replaced, in seconds since the epoch; 0 when it is not what is wanted.

    It must be signed by `authority` (itself, for a self-signed one) and say exactly what `request` says.
    """
    try:
        leaf = load_certificate(certificate, "certificate")
        leaf.verify_directly_issued_by(authority)
    except (PkiError, ValueError, TypeError, InvalidSignature):
        return 0.0
    if leaf.subject != request.subject or _said(leaf) != (request.alternative_names, request.usages):
        return 0.0
    start, end = _seconds(leaf.not_valid_before_utc), _seconds(leaf.not_valid_after_utc)
    return end - (end - start) * RENEW_AT


def lifetime(certificate: str) -> Window:
    """Return from when to when a certificate is valid. Raises `PkiError`."""
    loaded = load_certificate(certificate, "certificate")
    return Window(_seconds(loaded.not_valid_before_utc), _seconds(loaded.not_valid_after_utc))


def is_too_early(now: float, certificate: str) -> bool:
    """Return whether it is not yet time for an authority: then the clock is wrong, whoever says that it is right."""
    try:
        return now < lifetime(certificate).not_before - BACKDATE
    except PkiError:
        return False


def _said(leaf: x509.Certificate) -> tuple[list[x509.GeneralName], list[x509.ObjectIdentifier]]:
    """Return the alternative names and usages of a leaf."""
    names: list[x509.GeneralName] = []
    usages: list[x509.ObjectIdentifier] = []
    for extension in leaf.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            names = list(extension.value)
        elif isinstance(extension.value, x509.ExtendedKeyUsage):
            usages = list(extension.value)
    return names, usages


def _key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _public_bytes(key: object) -> str:
    assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(encoding, form).decode()


def _moment(seconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(max(seconds, 0), datetime.UTC)


def _seconds(moment: datetime.datetime) -> int:
    return int(moment.timestamp())
