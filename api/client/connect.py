"""Channels to a node: secure with a client certificate, or, in maintenance mode, pinned to a certificate seen before.

Trap: gRPC cannot leave out verification. In maintenance mode the node's certificate is fetched first, its fingerprint is
compared or shown, and exactly that certificate is then the only one trusted, under the name that it carries.
"""

import datetime
from typing import NamedTuple

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from api.client import tls
from api.client.address import Address
from api.client.errors import ClientError, ClockSkew, Expired, TrustError, WrongFingerprint
from api.client.node import Node

MESSAGE_LIMIT = 16 << 20  # bytes
_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),  # gRPC's own two minutes would outlast most reboots
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)
_RENEW_HINT = "make a new one: ophite gen config --from-secrets, with the secrets of the cluster"


class Pinned(NamedTuple):
    """A node that is trusted by what it showed. `maintenance`: it signed that itself, so it has no configuration yet."""

    node: Node
    fingerprint: str
    maintenance: bool


def connect(address: Address, identity: tls.Identity) -> Node:
    """Return a node behind mutual TLS; nothing is sent yet. Raises `Expired`, `ClockSkew`, `TrustError` for a bad client."""
    check_identity(identity)
    credentials = grpc.ssl_channel_credentials(identity.ca.encode(), identity.key.encode(), identity.certificate.encode())
    channel = grpc.secure_channel(str(address), credentials, _OPTIONS)
    return Node(channel, address, lambda: tls.diagnose(address, identity))


def connect_insecure(address: Address, fingerprint: str = "", timeout: float = tls.TIMEOUT) -> Pinned:
    """Return a node in maintenance mode, trusted by what it shows; with `fingerprint`, only if it shows that.

    Raises `WrongFingerprint`, and what `tls.fetch_certificate` raises.
    """
    wanted = tls.parse_fingerprint(fingerprint) if fingerprint else ""
    der = tls.fetch_certificate(address, timeout)
    seen = tls.fingerprint(der)
    if wanted and seen != wanted:
        hint = "compare with the node's console; if it was restarted, it has a new certificate"
        raise WrongFingerprint(f"{address} shows the fingerprint {seen}, not {wanted}", hint)
    certificate = x509.load_der_x509_certificate(der)
    credentials = grpc.ssl_channel_credentials(certificate.public_bytes(Encoding.PEM))
    options = (*_OPTIONS, ("grpc.ssl_target_name_override", _name_of(certificate)))
    channel = grpc.secure_channel(str(address), credentials, options)
    node = Node(channel, address, lambda: _explain_insecure(address, certificate))
    return Pinned(node, seen, certificate.issuer == certificate.subject)


def check_identity(identity: tls.Identity, now: datetime.datetime | None = None) -> None:
    """Raise `Expired`, `ClockSkew` or `TrustError` when the client's own certificate cannot work."""
    try:
        certificate = x509.load_pem_x509_certificate(identity.certificate.encode())
    except ValueError:
        raise TrustError("the certificate in your ophiteconfig is not PEM", _RENEW_HINT) from None
    now = now or datetime.datetime.now(datetime.UTC)
    if certificate.not_valid_after_utc < now:
        raise Expired(
            f"your certificate has been expired since {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC", _RENEW_HINT
        )
    if certificate.not_valid_before_utc > now:
        message = f"your certificate is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise ClockSkew(message, "the clock of this machine is probably wrong")


def _name_of(certificate: x509.Certificate) -> str:
    """Return a name that a certificate is valid for: an alternative name, else the common name."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    found = names.get_values_for_type(x509.DNSName) + [str(one) for one in names.get_values_for_type(x509.IPAddress)]
    common = [str(one.value) for one in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    return next(iter(found + common), tls.MAINTENANCE_NAME)


def _explain_insecure(address: Address, certificate: x509.Certificate) -> ClientError | None:
    """Return why a pinned connection does not come about, or None when that is not known."""
    if certificate.issuer != certificate.subject:
        message = f"the node at {address} is not in maintenance mode: it has a configuration already"
        return TrustError(message, "leave out --insecure and use the ophiteconfig of its cluster")
    now = datetime.datetime.now(datetime.UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return ClockSkew(f"the certificate of {address} is not valid now", "the clock of this machine may be wrong")
    try:
        tls.fetch_certificate(address)
    except ClientError as error:
        return error
    return None
