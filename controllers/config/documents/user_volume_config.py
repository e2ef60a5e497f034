"""UserVolumeConfig: a file system of the user's own on a disk of his choice."""

from typing import Annotated, Literal, Self

import msgspec

from controllers.config.document import Document
from controllers.config.documents.disk_selector import DiskMatch, DiskSelector
from controllers.config.documents.encryption import Encryption, EncryptionKey, StaticKey, check_encryption
from controllers.config.documents.volume_size import MIB, Limit, check_disk, check_name, check_sizes, parse_limit
from controllers.config.parts import parse_size
from controllers.config.problem import Problem

FLOOR = {"ext4": 32 * MIB, "xfs": 300 * MIB}
"""What mkfs wants at least (mkfs.xfs(8) refuses less than 300 MiB)."""
LUKS_HEADER = 16 * MIB


class UserVolumeConfig(Document, frozen=True, kw_only=True):
    """A partition with a file system, mounted at `/var/mnt/NAME`. It is created in the free room of the one disk that matches;
    what is on the disk stays. Without the document the volume is closed and its data are kept. A reset of the system volumes
    leaves it alone.
    """

    named = True
    sensitive = True
    columns = (("FILE SYSTEM", "filesystem"), ("MIN", "min_size"), ("MAX", "max_size"), ("GROW", "grow"))

    name: Annotated[str, msgspec.Meta(description="Its directory below `/var/mnt`; the partition is called `u-NAME`.")]
    disk: Annotated[DiskSelector, msgspec.Meta(description="Which disk; exactly one has to match.")]
    filesystem: Annotated[Literal["ext4", "xfs"], msgspec.Meta(description="What is made in it.")] = "ext4"
    min_size: Annotated[str, msgspec.Meta(description="At least this much or the volume is not created, such as `2GiB`.")] = ""
    max_size: Annotated[
        str, msgspec.Meta(description="At most this much, such as `50GiB` or `80%` of the disk. Empty: all that is free.")
    ] = ""
    grow: Annotated[
        bool,
        msgspec.Meta(
            description="Whether it grows into free room behind it, up to `maxSize`; an encrypted one when it is opened."
        ),
    ] = False
    encryption: Annotated[Encryption | None, msgspec.Meta(description="Encrypt it with LUKS2 when it is created.")] = None

    @property
    def min_bytes(self) -> int:
        """What it needs at least, in bytes."""
        header = LUKS_HEADER if self.encryption else 0
        return max(parse_size(self.min_size), FLOOR[self.filesystem] + header)

    @property
    def limit(self) -> Limit:
        """`maxSize`."""
        return parse_limit(self.max_size)

    def validate(self) -> list[Problem]:
        found = check_name(self, self.name) + check_disk(self, self.disk)
        found += check_encryption(self, "encryption", self.encryption)
        header = LUKS_HEADER if self.encryption else 0
        return found + check_sizes(self, self.min_size, self.max_size, FLOOR[self.filesystem] + header)

    @classmethod
    def example(cls) -> Self:
        keys = (EncryptionKey(slot=0, static=StaticKey(passphrase="correct horse battery staple")),)  # noqa: S106 - an example
        return cls(
            name="data",
            disk=DiskSelector(match=DiskMatch(transport="nvme", system=False)),
            filesystem="xfs",
            min_size="10GiB",
            max_size="80%",
            grow=True,
            encryption=Encryption(keys=keys),
        )
