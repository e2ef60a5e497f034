"""What TLS says about a node, seen through the standard library: its certificate, and why a handshake fails.

gRPC tells no more than "handshake failed", so after a failure the same handshake is done here once more, where every reason
has a name. It also fetches the certificate of a node in maintenance mode, which nobody has signed.
"""

import contextlib
import datetime
import hashlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from api.client.address import Address
from api.client.errors import (
    ClientError,
    ClockSkew,
    Expired,
    MaintenanceMode,
    TimedOut,
    TrustError,
    Unreachable,
    WrongAuthority,
    WrongName,
)

TIMEOUT = 10.0  # seconds for connecting and for the handshake
SETTINGS_TIMEOUT = 5.0  # seconds for a server to greet a client, or to hang up on its certificate
MAINTENANCE_NAME = "ophite-maintenance"

# X509_V_ERR_* of openssl/x509_vfy.h
_NOT_YET_VALID, _EXPIRED = 9, 10
_SELF_SIGNED = (18, 19)
_UNKNOWN_ISSUER = (2, 20, 21)
_WRONG_NAME = (62, 64)

_CLOCK_HINT = "compare the clock of this machine with the node's: `date`, `ophite get timestatus`"


class Identity(NamedTuple):
    """Who the client is and whom it trusts; PEM."""

    ca: str
    certificate: str
    key: str


def fetch_certificate(address: Address, timeout: float = TIMEOUT) -> bytes:
    """Return the certificate that a server shows, in DER, unverified. Raises `Unreachable`, `TimedOut`, `TrustError`."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with _handshake(address, context, timeout) as connection:
        return connection.getpeercert(binary_form=True) or b""


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 of a certificate's DER form in lower-case hex."""
    return hashlib.sha256(der).hexdigest()


def parse_fingerprint(text: str) -> str:
    """Return a fingerprint as `fingerprint` does, from hex with or without colons, spaces and a `SHA256:` in front."""
    low = text.lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    if len(low) != 64 or any(character not in "0123456789abcdef" for character in low):
        hint = "64 hexadecimal digits, as the node's console shows them"
        raise TrustError(f"{text[:100]!r} is no SHA-256 fingerprint", hint)
    return low


def diagnose(address: Address, identity: Identity, timeout: float = TIMEOUT) -> ClientError | None:
    """Return why a secure connection does not come about, or None when it does."""
    try:
        with TemporaryDirectory() as directory, _handshake(address, _mutual(identity, Path(directory)), timeout) as connection:
            return None if _is_let_in(connection) else explain_refusal(address, identity)
    except ClientError as error:
        return error


def _is_let_in(connection: ssl.SSLSocket) -> bool:
    """Return whether the server speaks to us: HTTP/2 begins with its settings (RFC 9113, 3.4). A gRPC server that does not
    like the client's certificate hangs up without a word, after the handshake.
    """
    connection.settimeout(SETTINGS_TIMEOUT)
    try:
        return bool(connection.recv(1))
    except TimeoutError:
        return True  # slow, but it has not hung up
    except OSError:
        return False


def explain_refusal(address: Address, identity: Identity) -> ClientError:
    """Return why a server may have hung up on a client's certificate. It does not say, so the certificate is looked at."""
    certificate = x509.load_pem_x509_certificate(identity.certificate.encode())
    try:
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(identity.ca.encode()))
    except (ValueError, TypeError, InvalidSignature):
        return WrongAuthority(f"the node at {address} does not trust your certificate", _other_cluster())
    if certificate.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        return Expired(f"the node at {address} refuses your certificate: it is expired", "make a new one")
    return ClockSkew(f"the node at {address} refuses your certificate, which looks valid from here", _CLOCK_HINT)


def explain_handshake(error: ssl.SSLError, address: Address) -> ClientError:
    """Return what it means that a handshake fails for another reason than the server's certificate.

    A peer that hangs up is no wrong one: a node that goes down does so, and so does a forwarded port with nobody behind it.
    """
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Unreachable(f"{address} hung up before it said who it is", "it may be going down, or still be booting")
    reason = error.reason or str(error)
    return TrustError(f"{address} does not complete a TLS handshake: {reason}", "is this the port of Ophite's API?")


def explain_verification(error: ssl.SSLCertVerificationError, address: Address) -> ClientError:
    """Return what is wrong with a server's certificate."""
    code = error.verify_code
    if code in _SELF_SIGNED:
        hint = "apply a configuration with --insecure, and --fingerprint as the console shows it"
        return MaintenanceMode(f"the node at {address} is in maintenance mode: it has no configuration yet", hint)
    if code in _UNKNOWN_ISSUER:
        return WrongAuthority(f"the certificate of the node at {address} is from another authority", _other_cluster())
    if code == _EXPIRED:
        return Expired(f"the certificate of the node at {address} is expired", _CLOCK_HINT)
    if code == _NOT_YET_VALID:
        return ClockSkew(f"the certificate of the node at {address} is not valid yet", _CLOCK_HINT)
    if code in _WRONG_NAME:
        hint = f"use one of the node's own addresses, or add {address.host} to ApiConfig.certSANs"
        return WrongName(f"the certificate of the node does not carry {address.host}", hint)
    return TrustError(f"the certificate of the node at {address} is refused: {error.verify_message}")


@contextlib.contextmanager
def _handshake(address: Address, context: ssl.SSLContext, timeout: float) -> Iterator[ssl.SSLSocket]:
    try:
        with (
            socket.create_connection((address.host, address.port), timeout) as plain,
            context.wrap_socket(plain, server_hostname=address.host) as connection,
        ):
            yield connection
    except ssl.SSLCertVerificationError as error:
        raise explain_verification(error, address) from None
    except ssl.SSLError as error:
        raise explain_handshake(error, address) from None
    except TimeoutError:
        hint = "is the address right, is the node on, is a firewall between?"
        raise TimedOut(f"{address} did not answer in {timeout:g} s", hint) from None
    except ConnectionRefusedError:
        hint = "the node may still be booting, or no Ophite runs there"
        raise Unreachable(f"nothing listens at {address}", hint) from None
    except socket.gaierror as error:
        raise Unreachable(f"the name {address.host!r} is not known: {error.strerror}", "use an address") from None
    except OSError as error:
        raise Unreachable(f"{address} cannot be reached: {error.strerror or error}", "is the node on?") from None


def _mutual(identity: Identity, directory: Path) -> ssl.SSLContext:
    """Return the context of a secure connection. Raises `TrustError` when the client's own files are bad."""
    chain = directory / "client.pem"
    chain.touch(0o600)
    chain.write_text(f"{identity.certificate}\n{identity.key}\n")
    try:
        context = ssl.create_default_context(cadata=identity.ca)
        context.load_cert_chain(chain)
    except (ssl.SSLError, ValueError, OSError) as error:
        hint = "take it from `ophite gen config` again"
        raise TrustError(f"the certificate in your ophiteconfig cannot be used: {error}", hint) from None
    context.set_alpn_protocols(["h2"])
    return context


def _other_cluster() -> str:
    return "is this node of another cluster? choose with --context, see `ophite config contexts`"
