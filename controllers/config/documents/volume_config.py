"""VolumeConfig: how large a volume of the system disk is."""

from typing import Annotated, Self

import msgspec

from controllers.config.document import Document
from controllers.config.parts import parse_size
from controllers.config.problem import Problem

VOLUMES = ("EPHEMERAL",)


class VolumeConfig(Document, frozen=True, kw_only=True):
    """The size of a volume. It counts when the volume is created; a volume that exists is left as it is."""

    named = True
    columns = (("MIN", "min_size"), ("MAX", "max_size"))

    name: Annotated[str, msgspec.Meta(description="`EPHEMERAL` (containers, etcd, kubelet, logs).")]
    min_size: Annotated[str, msgspec.Meta(description="At least this much or the volume is not created, such as `2GiB`.")] = ""
    max_size: Annotated[str, msgspec.Meta(description="At most this much, such as `50GiB`. Empty: all that is free.")] = ""

    @property
    def min_bytes(self) -> int:
        """`minSize` in bytes, 0 when it is not set."""
        return parse_size(self.min_size)

    @property
    def max_bytes(self) -> int:
        """`maxSize` in bytes, 0 when all that is free may be taken."""
        return parse_size(self.max_size)

    def validate(self) -> list[Problem]:
        found = []
        if self.name not in VOLUMES:
            found.append(self.problem("name", "no such volume", f"one of {', '.join(VOLUMES)}"))
        for path, text in (("minSize", self.min_size), ("maxSize", self.max_size)):
            try:
                parse_size(text)
            except ValueError as error:
                found.append(self.problem(path, str(error), "write bytes or `10GiB`, `500MiB`, `20GB`"))
        if not found and self.max_bytes and self.min_bytes > self.max_bytes:
            found.append(self.problem("maxSize", "smaller than `minSize`", "swap them"))
        return found

    @classmethod
    def example(cls) -> Self:
        return cls(name="EPHEMERAL", min_size="4GiB", max_size="50GiB")
