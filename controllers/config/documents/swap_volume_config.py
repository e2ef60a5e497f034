"""SwapVolumeConfig: a partition that the kernel may move memory to."""

from typing import Annotated, Self

import msgspec

from controllers.config.document import Document
from controllers.config.documents.disk_selector import DiskMatch, DiskSelector
from controllers.config.documents.volume_size import MIB, Limit, check_disk, check_name, check_sizes, parse_limit
from controllers.config.parts import parse_size
from controllers.config.problem import Problem

FLOOR = 8 * MIB


class SwapVolumeConfig(Document, frozen=True, kw_only=True):
    """A partition called `s-NAME` with swap space. What is swapped out may be secret and is not encrypted: use a disk that you
    would destroy rather than sell. It relieves the system; kubelet keeps pods out of it. Without the document it is no longer
    used.
    """

    named = True
    columns = (("MIN", "min_size"), ("MAX", "max_size"), ("PRIORITY", "priority"))

    name: Annotated[str, msgspec.Meta(description="The partition is called `s-NAME`.")]
    disk: Annotated[DiskSelector, msgspec.Meta(description="Which disk; exactly one has to match.")]
    max_size: Annotated[str, msgspec.Meta(description="At most this much, such as `8GiB` or `10%` of the disk.")]
    min_size: Annotated[str, msgspec.Meta(description="At least this much or the volume is not created, such as `2GiB`.")] = ""
    priority: Annotated[
        int, msgspec.Meta(description="Swap with a higher number is used first; -1 leaves it to the kernel.", ge=-1, le=32767)
    ] = -1

    @property
    def min_bytes(self) -> int:
        """What it needs at least, in bytes."""
        return max(parse_size(self.min_size), FLOOR)

    @property
    def limit(self) -> Limit:
        """`maxSize`."""
        return parse_limit(self.max_size)

    def validate(self) -> list[Problem]:
        found = check_name(self, self.name) + check_disk(self, self.disk)
        if not self.max_size:
            found.append(self.problem("maxSize", "empty", "say how much, such as `8GiB`"))
        return found + check_sizes(self, self.min_size, self.max_size, FLOOR)

    @classmethod
    def example(cls) -> Self:
        return cls(name="first", disk=DiskSelector(match=DiskMatch(system=True)), max_size="8GiB", priority=10)
