"""The client's file (`ophiteconfig`): contexts, each with endpoints, nodes and a client certificate.

Typed here so that the command line never handles dicts. An administrator's certificate carries the role as its
organization (`os:admin`), signed by the cluster's OS authority.
"""

import datetime
from typing import Annotated

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controllers.config.bundle import BACKDATE, render_certificate, render_key
from controllers.config.decode import Decoder
from controllers.config.parts import CertificateAndKey
from controllers.config.problem import ConfigError, Problem
from controllers.config.render import render_fields
from controllers.config.yamltree import TreeError, parse_stream
from controllers.runtime.resource import Part, Secret

ADMIN_DAYS = 365
ADMIN_ROLE = "os:admin"


class Context(Part, frozen=True, kw_only=True):
    """One cluster as one user sees it. `endpoints`: what to connect to; `nodes`: what commands are about by default."""

    endpoints: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    ca: Annotated[str, msgspec.Meta(description="The OS authority's certificate, PEM.")] = ""
    crt: Annotated[str, msgspec.Meta(description="The client's certificate, PEM.")] = ""
    key: Secret = ""


class ClientConfig(Part, frozen=True, kw_only=True):
    """The whole file; `context` names the one in use (empty: none)."""

    context: str = ""
    contexts: dict[str, Context] = {}

    @property
    def current(self) -> Context | None:
        """The context in use, or None."""
        return self.contexts.get(self.context)


def parse_client_config(text: str | bytes, file: str = "") -> ClientConfig:
    """Return a client's file. Raises `ConfigError` with every problem."""
    try:
        roots = parse_stream(text)
    except TreeError as error:
        raise ConfigError([Problem(file=file, message=error.problem.message, hint=error.problem.hint)]) from None
    if not roots:
        return ClientConfig()
    decoder = Decoder("")
    config = decoder.decode_struct(roots[0], ClientConfig)
    problems = list(decoder.problems)
    if len(roots) > 1:
        problems.append(Problem(message="more than one document", hint="keep the first"))
    if config is not None and config.context and config.context not in config.contexts:
        known = ", ".join(config.contexts) or "none"
        problems.append(Problem(path="context", message=f"{config.context!r} is not in contexts", hint=f"known: {known}"))
    if config is None or problems:
        raise ConfigError([msgspec.structs.replace(problem, file=file) for problem in problems])
    return config


def render_client_config(config: ClientConfig) -> str:
    """Return the file's text; the inverse of `parse_client_config`."""
    return render_fields(msgspec.to_builtins(config))


def merge_client_configs(into: ClientConfig, other: ClientConfig) -> ClientConfig:
    """Return `into` with the contexts of `other`, renamed `NAME-1` and so on where the name is taken by another; the
    other's context becomes the one in use.
    """
    contexts = dict(into.contexts)
    names = {}
    for name, context in other.contexts.items():
        free, number = name, 0
        while free in contexts and contexts[free] != context:
            number += 1
            free = f"{name}-{number}"
        contexts[free] = context
        names[name] = free
    return ClientConfig(context=names.get(other.context, into.context), contexts=contexts)


def make_client_certificate(
    authority: CertificateAndKey,
    roles: tuple[str, ...] = (ADMIN_ROLE,),
    days: int = ADMIN_DAYS,
    now: datetime.datetime | None = None,
) -> CertificateAndKey:
    """Return a client certificate with `roles` as organizations, signed by the OS authority, valid for `days`.

    Raises `ConfigError` when the authority cannot sign.
    """
    try:
        issuer = x509.load_pem_x509_certificate(authority.crt.encode())
        signer = serialization.load_pem_private_key(authority.key.encode(), password=None)
    except (ValueError, TypeError):
        hint = "use the bundle that `ophite gen secrets` made"
        raise ConfigError([Problem(document="secrets", path="os", message="not an authority", hint=hint)]) from None
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        message = "not an elliptic curve key"
        raise ConfigError([Problem(document="secrets", path="os.key", message=message, hint="make it anew")])
    begin = now or datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, role) for role in roles]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - BACKDATE)
        .not_valid_after(begin + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_signing_only(), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(_issuer_key(issuer), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return CertificateAndKey(crt=render_certificate(certificate), key=render_key(key))


def _issuer_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    public = issuer.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(public)


def _signing_only() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=False,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
