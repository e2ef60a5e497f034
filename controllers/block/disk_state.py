"""What is really on a disk, read right before something is done: the other input of a plan."""

from __future__ import annotations

from dataclasses import dataclass, field

from controllers.block import gpt, superblocks
from controllers.block.superblocks import Superblock


@dataclass(frozen=True, slots=True)
class Content:
    """What a partition holds: a superblock, zeros (`blank`), or something unknown."""

    superblock: Superblock | None = None
    blank: bool = False

    @property
    def filesystem(self) -> str:
        """The kind that was recognised, or ""."""
        return self.superblock.filesystem if self.superblock else ""

    def describe(self) -> str:
        """Say it in words."""
        if self.superblock is None:
            return "nothing" if self.blank else "unknown data"
        label = f" labelled {self.superblock.label}" if self.superblock.label else ""
        return superblocks.describe(self.superblock.filesystem) + label


@dataclass(frozen=True, slots=True)
class DiskState:
    """A disk. `table` is None when it has no GPT; `content` is then what it holds; sizes in bytes.

    `partitions`: what each partition holds, by number; one that the kernel does not know is left out.
    """

    path: str
    size: int
    sector_size: int
    read_only: bool = False
    table: gpt.Table | None = None
    content: Content = Content()
    mbr_partitions: bool = False
    partitions: dict[int, Content] = field(default_factory=dict)
