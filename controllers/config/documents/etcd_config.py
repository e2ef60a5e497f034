"""EtcdConfig: the cluster's etcd on control planes."""

from typing import Annotated, Self

import msgspec

from controllers.config import checks
from controllers.config.document import Document
from controllers.config.parts import CertificateAndKey
from controllers.config.problem import Problem


class EtcdConfig(Document, frozen=True, kw_only=True):
    """etcd: its certificate authority and where it listens. Control planes only."""

    sensitive = True

    ca: Annotated[CertificateAndKey, msgspec.Meta(description="The etcd certificate authority, with its key.")]
    advertised_subnets: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="Other members are told the node's addresses in these networks (CIDR). Empty: its default address."
        ),
    ] = ()
    extra_args: Annotated[dict[str, str], msgspec.Meta(description="Further etcd flags, without the leading dashes.")] = (
        msgspec.field(default_factory=dict)
    )

    def validate(self) -> list[Problem]:
        found = checks.check_ca(self, "ca", self.ca, key_needed=True)
        found += checks.check_networks(self, "advertisedSubnets", self.advertised_subnets)
        return found + checks.check_flags(self, "extraArgs", self.extra_args)

    @classmethod
    def example(cls) -> Self:
        return cls(
            ca=CertificateAndKey(crt=checks.EXAMPLE_CA, key=checks.EXAMPLE_KEY),
            extra_args={"heartbeat-interval": "500"},
        )
