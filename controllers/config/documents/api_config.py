"""ApiConfig: who may talk to the node's API."""

from typing import Annotated, Self

import msgspec

from controllers.config import checks
from controllers.config.document import Document
from controllers.config.parts import CertificateAndKey
from controllers.config.problem import Problem

ROLES = ("os:admin", "os:operator", "os:reader", "os:etcd:backup")


class ApiConfig(Document, frozen=True, kw_only=True):
    """The node's own API: its certificate authority, its names, and the roles that clients may use."""

    sensitive = True

    ca: Annotated[
        CertificateAndKey,
        msgspec.Meta(description="The cluster's OS certificate authority. The key only on control planes."),
    ]
    cert_sans: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="Further DNS names and addresses that the API's certificate carries."),
    ] = msgspec.field(default=(), name="certSANs")
    allowed_roles: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="Roles that a client's certificate may bring; others in it are ignored."),
    ] = ROLES

    def validate(self) -> list[Problem]:
        found = checks.check_ca(self, "ca", self.ca, key_needed=False)
        for index, name in enumerate(self.cert_sans):
            found += checks.check_host(self, f"certSANs[{index}]", name)
        for index, role in enumerate(self.allowed_roles):
            if role not in ROLES:
                found.append(self.problem(f"allowedRoles[{index}]", f"{role[:40]!r} is no role", f"one of {', '.join(ROLES)}"))
        return found

    @classmethod
    def example(cls) -> Self:
        return cls(ca=CertificateAndKey(crt=checks.EXAMPLE_CA, key=""), cert_sans=("node1.example.com", "192.0.2.10"))
