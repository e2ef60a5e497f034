"""DiskSelector: which disk is meant, by what it is and not by the name that this boot gave it.

Shared by every document that takes a disk. Conditions are joined by "and"; texts are shell patterns (`*`, `?`, `[…]`),
compared without regard to case. What matches is decided in `controllers.block.disk_select`.
"""

import operator
import re
from collections.abc import Callable
from typing import Annotated

import msgspec

from controllers.config.document import Document
from controllers.config.parts import parse_size
from controllers.config.problem import Problem
from controllers.runtime.resource import Part

OPERATORS: dict[str, Callable[[int, int], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
TRANSPORTS = ("ata", "mmc", "nvme", "scsi", "usb", "virtio")
PATTERNS = ("model", "serial", "wwn", "transport", "path", "id")
PATTERN_LIMIT = 200
_SIZE = re.compile(r"(>=|<=|==|>|<|) *(.+)")


class DiskMatch(Part, frozen=True, kw_only=True):
    """What a disk has to be like; everything that is given has to be true."""

    size: Annotated[
        str, msgspec.Meta(description="Compares the size, such as `>= 100GB` or `< 2TiB`; a bare size is exact.")
    ] = ""
    model: Annotated[str, msgspec.Meta(description="Pattern of the model, such as `Samsung SSD*`.")] = ""
    serial: Annotated[str, msgspec.Meta(description="Pattern of the serial number.")] = ""
    wwn: Annotated[str, msgspec.Meta(description="Pattern of the World Wide Name, such as `0x5000c500*` or `eui.*`.")] = ""
    transport: Annotated[str, msgspec.Meta(description="`ata`, `mmc`, `nvme`, `scsi`, `usb` or `virtio`.")] = ""
    path: Annotated[
        str, msgspec.Meta(description="Pattern of `/dev/sda`, or of where it is plugged in: `pci-0000:00:1f.2-ata-1`.")
    ] = ""
    id: Annotated[str, msgspec.Meta(description="Pattern of a name below `/dev/disk/by-id`, such as `nvme-Samsung*`.")] = ""
    rotational: Annotated[bool | None, msgspec.Meta(description="Whether it has spinning platters.")] = None
    system: Annotated[bool | None, msgspec.Meta(description="Whether it is the disk that the node runs from.")] = None

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing, and so would match every disk."""
        return self == DiskMatch()

    def compare_size(self) -> Callable[[int], bool]:
        """Return the test of a size in bytes. Raises `ValueError` when `size` cannot be understood."""
        if not self.size:
            return lambda size: True
        match = _SIZE.fullmatch(self.size.strip())
        wanted = parse_size(match[2].strip()) if match else 0
        if match is None or not wanted:
            raise ValueError(f"{self.size[:40]!r} compares no size")
        compare = OPERATORS[match[1] or "=="]
        return lambda size: compare(size, wanted)


class DiskSelector(Part, frozen=True, kw_only=True):
    """One disk, by its properties."""

    match: Annotated[DiskMatch, msgspec.Meta(description="What the disk has to be like; exactly one disk may be.")] = (
        DiskMatch()
    )

    def validate(self, document: Document, path: str) -> list[Problem]:
        """Return what is wrong with the selector, which is the field `path` of a document."""
        where = f"{path}.match"
        if self.match.is_empty:
            hint = 'say which disk is meant, such as `size: ">= 100GB"` or `serial: S3Z1*`; `ophite get disks` lists them'
            return [document.problem(where, "says nothing about the disk", hint)]
        found = []
        try:
            self.match.compare_size()
        except ValueError as error:
            found.append(document.problem(f"{where}.size", str(error), "write `>= 100GB`, `< 2TiB` or `== 500107862016`"))
        for name in PATTERNS:
            text = getattr(self.match, name)
            if len(text) > PATTERN_LIMIT or not text.isprintable():
                found.append(
                    document.problem(f"{where}.{name}", "is no pattern", f"at most {PATTERN_LIMIT} printable characters")
                )
        if self.match.transport and self.match.transport.lower() not in TRANSPORTS:
            found.append(
                document.problem(
                    f"{where}.transport", f"{self.match.transport[:20]!r} is not known", f"one of {', '.join(TRANSPORTS)}"
                )
            )
        return found
