"""What is where on the ESP: paths of a slot, and the small texts that the boot loaders read.

Pure. The build renders the same for images (image/esp.py); golden files hold both to the same bytes. Paths are relative to the
ESP, with forward slashes; the loaders want them from the root of the ESP, so their texts put a slash in front.
"""

from __future__ import annotations

import re
from enum import StrEnum

from controllers.lifecycle.errors import SlotError

LOADER_CONF = "loader/loader.conf"
LOADER_CONF_TEXT = "timeout 0\neditor no\n"
ENTRIES = "loader/entries"
GRUBENV = "grub/grubenv"
NEW = ".new"
"""Suffix of a file that is being written; no boot loader looks at it."""
PLAIN = re.compile(r"[A-Za-z0-9_.,:=/+@%^~-]+")


class Slot(StrEnum):
    """One of the two places for a version."""

    A = "a"
    B = "b"

    @property
    def other(self) -> Slot:
        """The slot that this one is not."""
        return Slot.B if self is Slot.A else Slot.A

    @property
    def root_label(self) -> str:
        """GPT name of its root partition."""
        return f"ROOT-{self.value.upper()}"

    @property
    def boot_label(self) -> str:
        """GPT name of the partition that a Raspberry Pi boots it from."""
        return f"BOOT-{self.value.upper()}"

    @property
    def uki(self) -> str:
        """Its unified kernel image on the ESP."""
        return f"EFI/ophite/{self.value}.efi"

    def bios_file(self, name: str) -> str:
        """Return the path of a file that GRUB reads: `vmlinuz`, `initramfs.zst` or `boot.cfg`."""
        return f"ophite/{self.value}/{name}"

    @property
    def boot_files(self) -> tuple[str, ...]:
        """Everything that belongs to the slot, except its entry."""
        return (self.uki, *(self.bios_file(name) for name in ("vmlinuz", "initramfs.zst", "boot.cfg")))


def render_boot_cfg(slot: Slot, command_line: str) -> str:
    """Return the `linux` and `initrd` lines of a slot; `$extra` is what GRUB's configuration found besides (SMBIOS).

    Raises `SlotError` for a word with quotes or backslashes, which GRUB cannot hand on.
    """
    words = " ".join(quote_word(word) for word in command_line.split())
    kernel, initramfs = (slot.bios_file(name) for name in ("vmlinuz", "initramfs.zst"))
    return f"linux /{kernel} {words} $extra\ninitrd /{initramfs}\n"


def quote_word(word: str) -> str:
    """Return a word of the kernel's command line as GRUB's script language takes it (GRUB manual, "Quoting")."""
    if PLAIN.fullmatch(word):
        return word
    if any(character in word for character in "'\"\\"):
        raise SlotError(f"kernel argument {word}: GRUB cannot hand on quotes or backslashes", "leave them out")
    return f"'{word}'"
