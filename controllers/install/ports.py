"""What an installation does to the machine, as one port, and where its files come from, as another. Tests replace both.

Errors that a user should see: `OSError`, `GptError`, `BootCodeError`, `ProgramError`, `LifecycleFault`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Protocol

from controllers.block import gpt
from controllers.block.luks_keys import SlotKey
from controllers.install.contents import Contents
from controllers.install.layout import Payload
from controllers.install.progress import Progress
from controllers.install.steps import Step
from controllers.lifecycle.esp import EspPort

Say = Callable[[float], None]
"""Told how much of a step is done, 0 to 1; called from any thread."""


class Source(Protocol):
    """A bundle whose signature, sizes and hashes were found right. Every method blocks."""

    @property
    def version(self) -> str:
        """Version of Ophite in it."""
        ...

    @property
    def payload(self) -> Payload:
        """What has to fit on the disk."""
        ...

    @property
    def has_grub(self) -> bool:
        """Whether it can start by a BIOS."""
        ...

    def read(self, name: str) -> bytes:
        """Return a small member."""
        ...

    def write_root(self, disk: str, say: Say) -> None:
        """Write the root image to slot a, sync it, and prove it by reading it back."""
        ...

    def is_root(self, device: str) -> bool:
        """Return whether a partition holds this root image, by content."""
        ...

    def write_boot_files(self, disk: str, esp: EspPort, words: tuple[str, ...], say: Say) -> None:
        """Write the boot files of slot a, synced."""
        ...

    def activate(self, disk: str, esp: EspPort, words: tuple[str, ...]) -> None:
        """Write the boot loaders' configuration, the entry of slot a, without counter, and last what firmware looks for."""
        ...

    def is_active(self, esp: EspPort) -> bool:
        """Return whether an ESP is complete: a boot entry, and what firmware looks for."""
        ...


class MediumPort(Protocol):
    """Where the files come from."""

    def open(self, image: str, progress: Progress) -> Awaitable[Source]:
        """Return the files of a bundle that was checked. In: `image`, its address, empty for the medium's."""
        ...

    def release(self) -> Awaitable[None]:
        """Let go of what `open` holds; never raises."""
        ...


class InstallPort(Protocol):
    """The disks of this machine."""

    def read_contents(self, disk: str, sector_size: int, size: int) -> Contents:
        """Return what a disk holds right now. Blocks."""
        ...

    def release(self, disk: str) -> Awaitable[None]:
        """Unmount what of the disk the node itself has mounted."""
        ...

    def learn(self, disk: str, table: gpt.Table) -> None:
        """Have the kernel know the partitions of a table that is on the disk. Blocks."""
        ...

    def esp(self, device: str, *, read_only: bool = False) -> AbstractContextManager[EspPort]:
        """Mount an ESP and unmount it again."""
        ...

    def read_state(self, device: str, name: str, keys: tuple[SlotKey, ...]) -> Awaitable[bytes | None]:
        """Return a file of STATE, None when there is none or it cannot be read. In: `keys`, when it is to be encrypted."""
        ...

    def execute(self, step: Step, source: Source, say: Say) -> Awaitable[None]:
        """Carry out one step."""
        ...
