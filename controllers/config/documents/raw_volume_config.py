"""RawVolumeConfig: a partition without a file system, for software that wants a block device."""

from typing import Annotated, Self

import msgspec

from controllers.config.document import Document
from controllers.config.documents.disk_selector import DiskMatch, DiskSelector
from controllers.config.documents.volume_size import MIB, Limit, check_disk, check_name, check_sizes, parse_limit
from controllers.config.parts import parse_size
from controllers.config.problem import Problem


class RawVolumeConfig(Document, frozen=True, kw_only=True):
    """A partition called `r-NAME`, which nobody but its user writes to. Its beginning and end are zeros when it is created.
    Without the document it is left as it is.
    """

    named = True
    columns = (("MIN", "min_size"), ("MAX", "max_size"))

    name: Annotated[str, msgspec.Meta(description="The partition is called `r-NAME`; `ophite get volumes` shows its device.")]
    disk: Annotated[DiskSelector, msgspec.Meta(description="Which disk; exactly one has to match.")]
    min_size: Annotated[str, msgspec.Meta(description="At least this much or the volume is not created, such as `2GiB`.")] = ""
    max_size: Annotated[
        str, msgspec.Meta(description="At most this much, such as `50GiB` or `80%` of the disk. Empty: all that is free.")
    ] = ""

    @property
    def min_bytes(self) -> int:
        """What it needs at least, in bytes."""
        return max(parse_size(self.min_size), MIB)

    @property
    def limit(self) -> Limit:
        """`maxSize`."""
        return parse_limit(self.max_size)

    def validate(self) -> list[Problem]:
        return [
            *check_name(self, self.name),
            *check_disk(self, self.disk),
            *check_sizes(self, self.min_size, self.max_size, MIB),
        ]

    @classmethod
    def example(cls) -> Self:
        return cls(name="ceph", disk=DiskSelector(match=DiskMatch(serial="S64ANS0T*")), min_size="100GiB")
