"""KubeletConfig: the node as Kubernetes sees it."""

from typing import Annotated, Self

import msgspec

from controllers.config import checks
from controllers.config.document import Document
from controllers.config.problem import Problem


class KubeletConfig(Document, frozen=True, kw_only=True):
    """The kubelet: labels, addresses and limits of the node."""

    node_labels: Annotated[dict[str, str], msgspec.Meta(description="Labels that the node registers with.")] = msgspec.field(
        default_factory=dict
    )
    node_ip_subnets: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="The node's Kubernetes address is the first in one of these networks (CIDR). "
            "Empty: the default address."
        ),
    ] = msgspec.field(default=(), name="nodeIPSubnets")
    extra_args: Annotated[dict[str, str], msgspec.Meta(description="Further kubelet flags, without the leading dashes.")] = (
        msgspec.field(default_factory=dict)
    )
    max_pods: Annotated[int, msgspec.Meta(description="How many pods the node takes.", ge=1, le=1000)] = 110

    def validate(self) -> list[Problem]:
        found = checks.check_networks(self, "nodeIPSubnets", self.node_ip_subnets) + checks.check_flags(
            self, "extraArgs", self.extra_args
        )
        return found + checks.check_kubernetes_labels(self, "nodeLabels", self.node_labels)

    @classmethod
    def example(cls) -> Self:
        return cls(node_labels={"topology.kubernetes.io/zone": "attic"}, node_ip_subnets=("192.0.2.0/24",))
