"""Certificates for tests: an authority, and leaves with any subject and any time of validity."""

import datetime
import ipaddress
from collections.abc import Sequence
from typing import NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


class Pair(NamedTuple):
    """A certificate and its key, PEM."""

    certificate: str
    key: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER form in lower-case hex."""
        return x509.load_pem_x509_certificate(self.certificate.encode()).fingerprint(hashes.SHA256()).hex()


class Authority:
    """Signs whatever it is asked to."""

    def __init__(self, name: str = "test authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + 365 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    @classmethod
    def load(cls, certificate: str, key: str) -> Self:
        """Return the authority of a configuration."""
        authority = cls()
        private = serialization.load_pem_private_key(key.encode(), None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        authority._key, authority.pem = private, certificate
        authority._name = x509.load_pem_x509_certificate(certificate.encode()).subject
        return authority

    @property
    def key_pem(self) -> str:
        """Its private key, PEM."""
        return _render_key(self._key)

    def server(self, names: Sequence[str] = ("localhost",), addresses: Sequence[str] = ("127.0.0.1",), days: int = 30) -> Pair:
        """Return a server's certificate; negative `days`: expired, that long ago."""
        return self._leaf([("CN", "node")], ExtendedKeyUsageOID.SERVER_AUTH, names, addresses, days)

    def client(self, *organizations: str, days: int = 30, name: str = "tester") -> Pair:
        """Return a client's certificate with organizations."""
        subject = [*(("O", one) for one in organizations), ("CN", name)]
        return self._leaf(subject, ExtendedKeyUsageOID.CLIENT_AUTH, (), (), days)

    def _leaf(
        self,
        subject: Sequence[tuple[str, str]],
        usage: x509.ObjectIdentifier,
        names: Sequence[str],
        addresses: Sequence[str],
        days: int,
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        return _sign(key, _name(subject), self._name, self._key, (usage, names, addresses, days))


def self_signed(name: str = "ophite-maintenance", days: int = 30) -> Pair:
    """Return what a node without configuration shows."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name([("CN", name)])
    return _sign(key, subject, subject, key, (ExtendedKeyUsageOID.SERVER_AUTH, (name,), (), days))


def _name(subject: Sequence[tuple[str, str]]) -> x509.Name:
    oids = {"O": NameOID.ORGANIZATION_NAME, "CN": NameOID.COMMON_NAME}
    return x509.Name([x509.NameAttribute(oids[kind], value) for kind, value in subject])


def _sign(
    key: ec.EllipticCurvePrivateKey,
    subject: x509.Name,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    shape: tuple[x509.ObjectIdentifier, Sequence[str], Sequence[str], int],
) -> Pair:
    usage, names, addresses, days = shape
    now = datetime.datetime.now(datetime.UTC)
    begin, end = (now - DAY, now + days * DAY) if days > 0 else (now + (days - 1) * DAY, now + days * DAY)
    others: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    others += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )
    if others:
        builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=False)
    certificate = builder.sign(signer, hashes.SHA256())
    return Pair(certificate.public_bytes(serialization.Encoding.PEM).decode(), _render_key(key))


def _render_key(key: ec.EllipticCurvePrivateKey) -> str:
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, pkcs8, plain).decode()
