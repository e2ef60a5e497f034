"""Checks that several kinds share: names, addresses, networks, PEM. Each returns the problems that it found.

`cryptography` is imported only when there is PEM to look at, so that reading network documents stays cheap.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from controllers.config.document import Document
from controllers.config.example_pem import EXAMPLE_CA, EXAMPLE_KEY
from controllers.config.parts import CertificateAndKey
from controllers.config.problem import Problem

__all__ = ["EXAMPLE_CA", "EXAMPLE_KEY"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.IGNORECASE)
_LINK = re.compile(r"[^\s/:\0]{1,15}")
_FLAG = re.compile(r"[a-z0-9][a-z0-9-]*")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")


def is_dns_name(name: str) -> bool:
    """Return whether a text is a DNS name (RFC 1123): labels of at most 63 characters, at most 253 in all."""
    labels = name.split(".")
    return 0 < len(name) <= 253 and all(len(label) <= 63 and _LABEL.fullmatch(label) for label in labels)


def is_address(text: str) -> bool:
    """Return whether a text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def check_label(document: Document, path: str, name: str) -> list[Problem]:
    """Check one DNS label."""
    if len(name) > 63:
        return [document.problem(path, f"{len(name)} characters, the limit is 63", "shorten it")]
    if not _LABEL.fullmatch(name):
        return [
            document.problem(
                path,
                f"{name!r} is no valid name",
                "letters, digits and `-`, beginning and ending with a letter or digit",
            )
        ]
    return []


def check_dns_name(document: Document, path: str, name: str) -> list[Problem]:
    """Check a DNS name, label by label, so that the message names the limit that was broken."""
    if len(name) > 253:
        return [document.problem(path, f"{len(name)} characters, the limit is 253", "shorten it")]
    return [problem for label in name.split(".") for problem in check_label(document, path, label)]


def check_address(document: Document, path: str, text: str) -> list[Problem]:
    """Check an address without prefix length."""
    if is_address(text):
        return []
    return [
        document.problem(
            path, f"{text[:64]!r} is no IP address", "such as `192.0.2.1` or `2001:db8::1`, without a prefix length"
        )
    ]


def check_host(document: Document, path: str, text: str) -> list[Problem]:
    """Check a DNS name or an address."""
    if is_address(text) or is_dns_name(text):
        return []
    return [document.problem(path, f"{text[:64]!r} is neither a DNS name nor an IP address")]


def check_addresses(document: Document, path: str, texts: Iterable[str]) -> list[Problem]:
    """Check addresses with prefix length, each once."""
    found = []
    seen = set()
    for index, text in enumerate(texts):
        where = f"{path}[{index}]"
        try:
            address = ipaddress.ip_interface(text)
        except ValueError:
            found.append(document.problem(where, f"{text[:64]!r} is no address", "with prefix length, such as `192.0.2.10/24`"))
            continue
        if "/" not in text:
            found.append(document.problem(where, "the prefix length is missing", f"such as `{text}/24`"))
        if address in seen:
            found.append(document.problem(where, f"{text} is there twice", "remove one"))
        seen.add(address)
    return found


def check_networks(document: Document, path: str, texts: Iterable[str], *, indexed: bool = True) -> list[Problem]:
    """Check networks in CIDR form."""
    found = []
    for index, text in enumerate(texts):
        where = f"{path}[{index}]" if indexed else path
        try:
            ipaddress.ip_network(text)
        except ValueError:
            found.append(document.problem(where, f"{text[:64]!r} is no network", _network_hint(text)))
    return found


def _network_hint(text: str) -> str:
    """Return the network that a text with host bits means, or the general form."""
    try:
        return f"write `{ipaddress.ip_network(text, strict=False)}`"
    except ValueError:
        return "in CIDR form, such as `10.244.0.0/16`"


def check_subnets(document: Document, path: str, texts: tuple[str, ...]) -> list[Problem]:
    """Check that there is at least one network and that they do not overlap each other."""
    if not texts:
        return [document.problem(path, "empty", "leave the field out for the default, or write at least one network")]
    found = check_networks(document, path, texts)
    if found:
        return found
    networks = [ipaddress.ip_network(text) for text in texts]
    for index, network in enumerate(networks):
        for other in networks[:index]:
            if network.overlaps(other):
                found.append(document.problem(f"{path}[{index}]", f"{network} overlaps {other}", "use disjoint networks"))
    return found


def check_endpoint(document: Document, path: str, url: str) -> list[Problem]:
    """Check an https URL with a host and no path."""
    hint = "such as `https://192.0.2.10:6443`"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return [document.problem(path, f"{url[:64]!r} is no URL", hint)]
    if parts.scheme != "https" or not (is_dns_name(host) or is_address(host)):
        return [document.problem(path, f"{url[:64]!r} is no https URL with a host", hint)]
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username or parts.password:
        return [document.problem(path, "more than a host and a port", hint)]
    return [] if port is None or port > 0 else [document.problem(path, "port 0", hint)]


def check_link_name(document: Document, path: str, name: str) -> list[Problem]:
    """Check a link's name (kernel, net/core/dev.c, dev_valid_name: at most 15 bytes, no `/`, `:`, white space)."""
    if _LINK.fullmatch(name) and name not in (".", "..") and len(name.encode()) <= 15:
        return []
    return [document.problem(path, f"{name[:40]!r} is no name of a link", "at most 15 characters, no `/`, `:` or spaces")]


def check_flags(document: Document, path: str, flags: Mapping[str, str]) -> list[Problem]:
    """Check a table of program flags."""
    bad = [name for name, value in flags.items() if not _FLAG.fullmatch(name) or "\0" in value or "\n" in value]
    return [
        document.problem(f"{path}[{name[:64]}]", "not a flag", "write it without leading dashes, in lower case") for name in bad
    ]


def check_kubernetes_labels(document: Document, path: str, labels: Mapping[str, str]) -> list[Problem]:
    """Check Kubernetes labels (its documentation, "Labels and Selectors", syntax and character set)."""
    found = []
    for key, value in labels.items():
        prefix, slash, name = key.rpartition("/")
        if (slash and not is_dns_name(prefix)) or not name or not _LABEL_VALUE.fullmatch(name):
            found.append(
                document.problem(f"{path}[{key[:64]}]", "not a label's key", "`[domain/]name`, name of at most 63 characters")
            )
        if not _LABEL_VALUE.fullmatch(value):
            found.append(
                document.problem(f"{path}[{key[:64]}]", "not a label's value", "at most 63 letters, digits, `-`, `_`, `.`")
            )
    return found


def check_ca(document: Document, path: str, pair: CertificateAndKey, *, key_needed: bool) -> list[Problem]:
    """Check that a pair holds the certificate of an authority, and that its key, if there is one, belongs to it."""
    from cryptography import x509

    if not pair.crt:
        return [document.problem(f"{path}.crt", "missing", "take it from the output of `ophite gen config`")]
    try:
        certificate = x509.load_pem_x509_certificate(pair.crt.encode())
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, x509.ExtensionNotFound):
        return [
            document.problem(
                f"{path}.crt", "not the PEM certificate of an authority", "it begins with `-----BEGIN CERTIFICATE-----`"
            )
        ]
    if not constraints.ca:
        return [document.problem(f"{path}.crt", "the certificate is not an authority's", "use the one that signs, not a leaf")]
    if not pair.key:
        return (
            [document.problem(f"{path}.key", "missing", "take it from the output of `ophite gen config`")] if key_needed else []
        )
    return check_key(document, f"{path}.key", pair.key, certificate)


def check_key(document: Document, path: str, pem: str, certificate: object = None) -> list[Problem]:
    """Check a private key in PEM, and that it belongs to `certificate` if one is given."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return [
            document.problem(path, "not a PEM private key without password", "it begins with `-----BEGIN PRIVATE KEY-----`")
        ]
    if isinstance(certificate, x509.Certificate) and key.public_key() != certificate.public_key():
        return [document.problem(path, "the key does not belong to the certificate", "take both from the same secrets bundle")]
    return []
