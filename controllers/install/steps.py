"""The steps of an installation as plain data: what is done, in words, and how much of the whole it is.

Order matters more than anything here; `plan` makes it. A step is carried out by `execute`, through the port.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controllers.block import gpt
from controllers.block.luks_keys import SlotKey

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class WriteMark:
    """Write the sector that says that an installation is under way, or zero it (`data`) at the end."""

    disk: str
    data: bytes
    weight: int = 1 * MIB

    def describe(self) -> str:
        """Say what is done."""
        return f"mark {self.disk} as being installed" if any(self.data) else f"take the mark off {self.disk}: it is complete"


@dataclass(frozen=True, slots=True)
class Clear:
    """Zero parts of a disk, so that nothing old shows through."""

    disk: str
    ranges: tuple[tuple[int, int], ...]
    weight: int = 32 * MIB

    def describe(self) -> str:
        """Say what is done."""
        return f"clear {self.disk}"


@dataclass(frozen=True, slots=True)
class WriteTable:
    """Store the partition table; the kernel forgets its old partitions and learns these."""

    disk: str
    table: gpt.Table
    weight: int = 1 * MIB

    def describe(self) -> str:
        """Say what is done."""
        return f"write the partition table of {self.disk}"


@dataclass(frozen=True, slots=True)
class WriteRoot:
    """Write the root image into slot a, sync it, and read it back. In: `weight`, its size in bytes."""

    disk: str
    weight: int

    def describe(self) -> str:
        """Say what is done."""
        return f"write the root image ({self.weight // MIB} MiB) to slot a of {self.disk}"


@dataclass(frozen=True, slots=True)
class MakeEsp:
    """Make the FAT file system of the ESP."""

    device: str
    sector_size: int
    weight: int = 8 * MIB

    def describe(self) -> str:
        """Say what is done."""
        return f"make the EFI system partition on {self.device}"


@dataclass(frozen=True, slots=True)
class WriteBootFiles:
    """Write the boot files of slot a to the ESP. In: `weight`, their size in bytes."""

    disk: str
    device: str
    words: tuple[str, ...]
    weight: int

    def describe(self) -> str:
        """Say what is done."""
        return f"write the boot files of slot a to {self.device}"


@dataclass(frozen=True, slots=True)
class MakeMeta:
    """Fill META with zeros."""

    device: str
    size: int
    weight: int = 1 * MIB

    def describe(self) -> str:
        """Say what is done."""
        return f"clear META on {self.device}"


@dataclass(frozen=True, slots=True)
class MakeState:
    """Make the file system of STATE and write files into its root: name → content. They hold secrets, so nothing shows them.

    `keys`: of LUKS2, when it is to be encrypted.
    """

    device: str
    files: Mapping[str, bytes] = field(repr=False)
    keys: tuple[SlotKey, ...] = ()
    weight: int = 8 * MIB

    def describe(self) -> str:
        """Say what is done."""
        kind = "an encrypted STATE" if self.keys else "STATE"
        return f"make {kind} on {self.device} and write the configuration"


@dataclass(frozen=True, slots=True)
class Activate:
    """Write entry, without counter, and boot loader: from now on firmware with UEFI starts this disk."""

    disk: str
    device: str
    words: tuple[str, ...]
    weight: int = 1 * MIB

    def describe(self) -> str:
        """Say what is done."""
        return f"make {self.device} bootable"


@dataclass(frozen=True, slots=True)
class WriteBootCode:
    """Write GRUB to the BIOS partition at byte `offset` and, last, to the boot record: from now on a BIOS starts this disk."""

    disk: str
    offset: int
    room: int
    weight: int = 1 * MIB

    def describe(self) -> str:
        """Say what is done."""
        return f"write the boot code of {self.disk}"


Step = WriteMark | Clear | WriteTable | WriteRoot | MakeEsp | WriteBootFiles | MakeMeta | MakeState | Activate | WriteBootCode
