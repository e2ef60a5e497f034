"""ClusterConfig: what all nodes of a cluster agree on."""

from typing import Annotated, Self

import msgspec

from controllers.config import checks
from controllers.config.document import Document
from controllers.config.problem import Problem


class ClusterConfig(Document, frozen=True, kw_only=True):
    """The cluster: its name, its endpoint and its networks. The same on every node."""

    columns = (("NAME", "name"), ("ENDPOINT", "endpoint"))

    name: Annotated[str, msgspec.Meta(description="Name of the cluster, for people and for the client's contexts.")]
    cluster_id: Annotated[
        str, msgspec.Meta(description="Random id of the cluster (32 bytes, base64); made by `gen secrets`.")
    ] = msgspec.field(default="", name="id")
    endpoint: Annotated[
        str,
        msgspec.Meta(
            description="URL of the Kubernetes API as all nodes and clients reach it, such as `https://192.0.2.10:6443`."
        ),
    ]
    pod_subnets: Annotated[tuple[str, ...], msgspec.Meta(description="Networks that pods get addresses from (CIDR).")] = (
        "10.244.0.0/16",
    )
    service_subnets: Annotated[
        tuple[str, ...], msgspec.Meta(description="Networks that services get addresses from (CIDR).")
    ] = ("10.96.0.0/12",)
    dns_domain: Annotated[str, msgspec.Meta(description="DNS domain of the cluster's services.")] = "cluster.local"
    allow_scheduling_on_control_planes: Annotated[
        bool, msgspec.Meta(description="Whether ordinary pods may run on control planes.")
    ] = False

    def validate(self) -> list[Problem]:
        found = checks.check_label(self, "name", self.name) + checks.check_endpoint(self, "endpoint", self.endpoint)
        found += checks.check_subnets(self, "podSubnets", self.pod_subnets)
        found += checks.check_subnets(self, "serviceSubnets", self.service_subnets)
        found += checks.check_dns_name(self, "dnsDomain", self.dns_domain)
        return found

    @classmethod
    def example(cls) -> Self:
        return cls(name="home", cluster_id="aUYyVEhvT2ZjWUdMcTQ1eW5RZ2RmUmxYbHVUb1pXRmQ=", endpoint="https://192.0.2.10:6443")
