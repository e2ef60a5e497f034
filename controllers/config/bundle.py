"""The secrets of a cluster, made once: authorities, keys, tokens. Whoever has this file owns the cluster.

Everything is ECDSA P-256 (short to sign with on small machines); authorities live for ten years, so that nobody has to
rotate them by hand, and leaves are made and renewed on the nodes.
"""

import base64
import datetime
import secrets
import string
from typing import Self

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from controllers.config.decode import Decoder
from controllers.config.parts import CertificateAndKey
from controllers.config.problem import ConfigError, Problem
from controllers.config.render import render_fields
from controllers.config.yamltree import TreeError, parse_stream
from controllers.runtime.resource import Part, Secret

CA_DAYS = 3650
BACKDATE = datetime.timedelta(minutes=5)
"""Certificates are valid from this long ago, so that a slow clock does not refuse them."""


class SecretsBundle(Part, frozen=True, kw_only=True, rename="camel"):
    """All secrets of one cluster. `cluster_id` and `encryption_secret` are 32 random bytes in base64."""

    cluster_id: str
    os: CertificateAndKey
    etcd: CertificateAndKey
    kubernetes: CertificateAndKey
    front_proxy: CertificateAndKey
    service_account_key: Secret
    encryption_secret: Secret
    bootstrap_token: Secret

    @classmethod
    def generate(cls, now: datetime.datetime | None = None) -> Self:
        """Return new secrets; `now` (UTC) is when the authorities become valid."""
        begin = now or datetime.datetime.now(datetime.UTC)
        return cls(
            cluster_id=_random_key(),
            os=make_authority("ophite", "ophite os", begin),
            etcd=make_authority("etcd", "etcd", begin),
            kubernetes=make_authority("kubernetes", "kubernetes", begin),
            front_proxy=make_authority("front-proxy", "front-proxy", begin),
            service_account_key=render_key(ec.generate_private_key(ec.SECP256R1())),
            encryption_secret=_random_key(),
            bootstrap_token=f"{_random_word(6)}.{_random_word(16)}",
        )

    def render(self) -> str:
        """Return the bundle as YAML; `parse_bundle` reads it back."""
        fields = {
            "clusterId": self.cluster_id,
            **{name: {"crt": pair.crt, "key": pair.key} for name, pair in self._authorities()},
            "serviceAccountKey": self.service_account_key,
            "encryptionSecret": self.encryption_secret,
            "bootstrapToken": self.bootstrap_token,
        }
        return f"# The secrets of a cluster. Keep this file where only you can read it.\n{render_fields(fields)}"

    def _authorities(self) -> tuple[tuple[str, CertificateAndKey], ...]:
        return (
            ("os", self.os),
            ("etcd", self.etcd),
            ("kubernetes", self.kubernetes),
            ("frontProxy", self.front_proxy),
        )


def parse_bundle(text: str | bytes, file: str = "") -> SecretsBundle:
    """Return the bundle that `SecretsBundle.render` wrote. Raises `ConfigError`."""
    try:
        roots: list[yaml.Node] = parse_stream(text)
    except TreeError as error:
        raise ConfigError([Problem(file=file, message=error.problem.message, hint=error.problem.hint)]) from None
    if len(roots) != 1:
        message = f"{len(roots)} documents instead of one"
        raise ConfigError([Problem(file=file, message=message, hint="make it with `ophite gen secrets`")])
    decoder = Decoder("secrets")
    bundle = decoder.decode_struct(roots[0], SecretsBundle)
    if bundle is None:
        raise ConfigError(decoder.problems)
    return bundle


def make_authority(organization: str, name: str, begin: datetime.datetime) -> CertificateAndKey:
    """Return a self-signed certificate authority (RFC 5280) that is valid for ten years from `begin`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - BACKDATE)
        .not_valid_after(begin + datetime.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return CertificateAndKey(crt=render_certificate(certificate), key=render_key(key))


def render_certificate(certificate: x509.Certificate) -> str:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def render_key(key: ec.EllipticCurvePrivateKey) -> str:
    """Return a private key as PEM (PKCS #8, not encrypted)."""
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _random_word(length: int) -> str:
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(length))
