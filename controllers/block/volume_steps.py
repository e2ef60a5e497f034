"""What can be done for a volume: describable steps, which a plan lists and a port carries out.

A step says everything that it needs but for secrets: keys are looked up when it is carried out.
"""

from __future__ import annotations

from dataclasses import dataclass

from controllers.block import gpt

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class WriteTable:
    """Store the partition table, both copies; add or resize one partition in the kernel, if `number` is not 0."""

    disk: str
    table: gpt.Table
    reason: str
    number: int = 0

    def describe(self) -> str:
        """Say what is done."""
        return f"write the partition table of {self.disk}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Clear:
    """Overwrite the beginning and the end of a new partition, where somebody's old signatures may be."""

    device: str

    def describe(self) -> str:
        """Say what is done."""
        return f"clear the ends of {self.device}"


@dataclass(frozen=True, slots=True)
class EncryptFormat:
    """Make LUKS2 on a partition; `partition_uuid` is part of the keys."""

    device: str
    label: str
    partition_uuid: str

    def describe(self) -> str:
        """Say what is done."""
        return f"encrypt {self.label} on {self.device}"


@dataclass(frozen=True, slots=True)
class EncryptOpen:
    """Open an encrypted partition; the device is then `mapper_path`."""

    device: str
    label: str
    partition_uuid: str

    def describe(self) -> str:
        """Say what is done."""
        return f"open {self.label} on {self.device}"


@dataclass(frozen=True, slots=True)
class EncryptSync:
    """Make the key slots those of the configuration."""

    device: str
    label: str
    partition_uuid: str

    def describe(self) -> str:
        """Say what is done."""
        return f"set the keys of {self.label} on {self.device}"


@dataclass(frozen=True, slots=True)
class EncryptClose:
    """Close what was opened."""

    label: str

    def describe(self) -> str:
        """Say what is done."""
        return f"lock {self.label}"


@dataclass(frozen=True, slots=True)
class Format:
    """Make a file system or swap space."""

    device: str
    filesystem: str
    label: str

    def describe(self) -> str:
        """Say what is done."""
        return f"make {self.filesystem} {self.label} on {self.device}"


@dataclass(frozen=True, slots=True)
class Mount:
    """Mount a device; `executable` where programs of containers live."""

    device: str
    filesystem: str
    target: str
    executable: bool = True
    read_only: bool = False

    def describe(self) -> str:
        """Say what is done."""
        return f"mount {self.device} at {self.target}" + (" read-only" if self.read_only else "")


@dataclass(frozen=True, slots=True)
class GrowFilesystem:
    """Let a mounted file system fill its device."""

    device: str
    filesystem: str
    target: str

    def describe(self) -> str:
        """Say what is done."""
        return f"let the file system at {self.target} fill {self.device}"


@dataclass(frozen=True, slots=True)
class SwapOn:
    """Use swap space; a priority of -1 is the kernel's choice."""

    device: str
    priority: int = -1

    def describe(self) -> str:
        """Say what is done."""
        return f"swap to {self.device}"


@dataclass(frozen=True, slots=True)
class SwapOff:
    """Take everything back from swap space; needs as much free memory."""

    device: str

    def describe(self) -> str:
        """Say what is done."""
        return f"stop swapping to {self.device}"


@dataclass(frozen=True, slots=True)
class Unmount:
    """Unmount; `lazily` only when the device is gone, so that nothing can be lost any more."""

    target: str
    lazily: bool = False

    def describe(self) -> str:
        """Say what is done."""
        return f"unmount {self.target}"


PlainStep = WriteTable | Clear | Format | Mount | GrowFilesystem | SwapOn | SwapOff | Unmount
EncryptStep = EncryptFormat | EncryptOpen | EncryptSync | EncryptClose
Step = PlainStep | EncryptStep

BRING = (Mount, SwapOn)
"""Bring into use what the steps before have made."""
USE = (EncryptOpen, *BRING)
"""Use what is there and change nothing of it."""


def partition_path(disk: str, number: int) -> str:
    """Return the device of a partition: sda1, but nvme0n1p1."""
    return f"{disk}{'p' if disk[-1:].isdigit() else ''}{number}"
