"""CertificateSigningRequests as a kubelet, or somebody who is none, makes them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from controllers.kubernetes.serving_request import SigningRequest, parse_signing_request

SUBJECT = (("O", "system:nodes"), ("CN", "system:node:w1"))
OIDS = {"O": NameOID.ORGANIZATION_NAME, "CN": NameOID.COMMON_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME}
KEY = ec.generate_private_key(ec.SECP256R1())
USAGES = ("digital signature", "key encipherment", "server auth")


def make_pem(
    subject: Sequence[tuple[str, str]] = SUBJECT,
    names: Sequence[str] = ("w1",),
    addresses: Sequence[str] = ("192.0.2.21",),
    others: Sequence[x509.GeneralName] = (),
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = KEY,
) -> bytes:
    """A PKCS #10 as PEM; without any alternative name it has no extension."""
    return make_builder(subject, names, addresses, others).sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def make_builder(
    subject: Sequence[tuple[str, str]] = SUBJECT,
    names: Sequence[str] = ("w1",),
    addresses: Sequence[str] = ("192.0.2.21",),
    others: Sequence[x509.GeneralName] = (),
) -> x509.CertificateSigningRequestBuilder:
    """What is signed."""
    name = x509.Name([x509.NameAttribute(OIDS[kind], value) for kind, value in subject])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    found: list[x509.GeneralName] = [x509.DNSName(one) for one in names]
    found += [x509.IPAddress(ip_address(one)) for one in addresses]
    found += others
    return builder.add_extension(x509.SubjectAlternativeName(found), critical=False) if found else builder


GOOD = make_pem()


@dataclass(frozen=True)
class Asked:
    """A request in the API server's words."""

    name: str = "csr-1"
    user: str = "system:node:w1"
    groups: tuple[str, ...] = ("system:nodes", "system:authenticated")
    usages: tuple[str, ...] = USAGES
    pem: bytes = GOOD
    conditions: tuple[dict[str, str], ...] = ()
    certificate: str = ""

    def but(self, **fields: Any) -> "Asked":
        """The same, with other fields."""
        return replace(self, **fields)

    @property
    def item(self) -> dict[str, Any]:
        """The object in a list."""
        return {
            "metadata": {"name": self.name, "uid": f"uid-of-{self.name}", "resourceVersion": "7", "managedFields": []},
            "spec": {
                "request": base64.b64encode(self.pem).decode(),
                "signerName": "kubernetes.io/kubelet-serving",
                "usages": list(self.usages),
                "username": self.user,
                "groups": list(self.groups),
            },
            "status": {
                **({"conditions": list(self.conditions)} if self.conditions else {}),
                **({"certificate": self.certificate} if self.certificate else {}),
            },
        }

    @property
    def parsed(self) -> SigningRequest:
        """As the controller sees it."""
        return parse_signing_request(self.item)


def make_node(name: str, *addresses: str) -> dict[str, Any]:
    """A Node with internal addresses and its name as host name."""
    internal = [{"type": "InternalIP", "address": one} for one in addresses]
    return {"metadata": {"name": name}, "status": {"addresses": [*internal, {"type": "Hostname", "address": name}]}}
