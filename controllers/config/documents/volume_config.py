"""VolumeConfig: the volumes of the system disk, how large they are and whether they are encrypted."""

from typing import Annotated, Self

import msgspec

from controllers.config.document import Document
from controllers.config.documents.encryption import Encryption, EncryptionKey, NodeIDKey, check_encryption
from controllers.config.documents.volume_size import MIB, Limit, check_sizes, parse_limit
from controllers.config.parts import parse_size
from controllers.config.problem import Problem

VOLUMES = ("EPHEMERAL", "STATE")
FLOOR = {"EPHEMERAL": 256 * MIB, "STATE": 48 * MIB}


class VolumeConfig(Document, frozen=True, kw_only=True):
    """Size and encryption of a volume of the system disk. The size counts when the volume is created; later it only grows,
    into free room behind it. With a maximum, the rest of the disk is left for user volumes.
    """

    named = True
    sensitive = True
    columns = (("MIN", "min_size"), ("MAX", "max_size"))

    name: Annotated[
        str,
        msgspec.Meta(description="`EPHEMERAL` (containers, etcd, kubelet, logs) or `STATE` (configuration, identity)."),
    ]
    min_size: Annotated[str, msgspec.Meta(description="At least this much or the volume is not created, such as `2GiB`.")] = ""
    max_size: Annotated[
        str,
        msgspec.Meta(
            description="At most this much, such as `50GiB` or `80%` of the disk. Empty: all that is free; for `STATE` 64MiB."
        ),
    ] = ""
    encryption: Annotated[
        Encryption | None,
        msgspec.Meta(description="Encrypt it with LUKS2 when it is created. `STATE` needs a `nodeID` key."),
    ] = None

    @property
    def min_bytes(self) -> int:
        """`minSize` in bytes, 0 when it is not set."""
        return parse_size(self.min_size)

    @property
    def limit(self) -> Limit:
        """`maxSize`."""
        return parse_limit(self.max_size)

    def validate(self) -> list[Problem]:
        found = check_encryption(self, "encryption", self.encryption, node_id=self.name == "STATE")
        if self.name not in VOLUMES:
            found.append(self.problem("name", "no such volume", f"one of {', '.join(VOLUMES)}"))
        return found + check_sizes(self, self.min_size, self.max_size, FLOOR.get(self.name, 0))

    @classmethod
    def example(cls) -> Self:
        keys = (EncryptionKey(slot=0, node_id=NodeIDKey()),)
        return cls(name="EPHEMERAL", min_size="4GiB", max_size="80%", encryption=Encryption(keys=keys))
