"""ExistingVolumeConfig: a file system that is there already and is mounted as it is."""

from typing import Annotated, Self

import msgspec

from controllers.config.document import Document
from controllers.config.documents.volume_size import check_name
from controllers.config.problem import Problem
from controllers.runtime.resource import Part

TEXT_LIMIT = 128


class ExistingMatch(Part, frozen=True, kw_only=True, rename="camel"):
    """Which file system; all that is given has to be equal, and exactly one has to match."""

    label: Annotated[str, msgspec.Meta(description="Label of the file system.")] = ""
    uuid: Annotated[str, msgspec.Meta(description="UUID of the file system.")] = ""
    partition_label: Annotated[str, msgspec.Meta(description="Name of the partition in its table.")] = ""


class ExistingVolumeConfig(Document, frozen=True, kw_only=True):
    """A file system made by somebody else, mounted at `/var/mnt/NAME`: ext2, ext3, ext4, xfs or vfat. It is never formatted,
    grown or changed otherwise. Without the document it is unmounted.
    """

    named = True
    columns = (("LABEL", "match.label"), ("UUID", "match.uuid"), ("READ ONLY", "read_only"))

    name: Annotated[str, msgspec.Meta(description="Its directory below `/var/mnt`.")]
    match: Annotated[ExistingMatch, msgspec.Meta(description="Which file system; `ophite get discoveredvolumes` lists them.")]
    read_only: Annotated[bool, msgspec.Meta(description="Whether it is mounted read-only.")] = False

    def validate(self) -> list[Problem]:
        found = check_name(self, self.name)
        given = {name: getattr(self.match, name) for name in self.match.__struct_fields__}
        if not any(given.values()):
            hint = "give `label`, `uuid` or `partitionLabel`; `ophite get discoveredvolumes` lists them"
            found.append(self.problem("match", "says nothing about the file system", hint))
        for name, text in given.items():
            if len(text) > TEXT_LIMIT or not text.isprintable():
                path = f"match.{'partitionLabel' if name == 'partition_label' else name}"
                found.append(self.problem(path, "is no name", f"at most {TEXT_LIMIT} printable characters"))
        return found

    @classmethod
    def example(cls) -> Self:
        return cls(name="archive", match=ExistingMatch(label="archive"), read_only=True)
