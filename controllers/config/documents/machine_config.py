"""MachineConfig: what this node is in the cluster."""

from enum import StrEnum
from typing import Annotated, Self

import msgspec

from controllers.config.document import Document


class MachineType(StrEnum):
    """The two roles of a node."""

    CONTROL_PLANE = "controlplane"
    WORKER = "worker"


class MachineConfig(Document, frozen=True, kw_only=True):
    """The role of this node."""

    columns = (("TYPE", "type"),)

    type: Annotated[MachineType, msgspec.Meta(description="`controlplane` (runs etcd and the Kubernetes API) or `worker`.")]

    @classmethod
    def example(cls) -> Self:
        return cls(type=MachineType.CONTROL_PLANE)
