"""What systemd-boot says of this boot: the entry that it started, and the one whose tries it counted.

Only shown and logged. Which slot runs is said by the root hash on the kernel command line, and only that slot is committed:
after a try that firmware refused, `LoaderBootCountPath` still names the entry before, so it is believed only when it is of the
entry that was selected. Sources: systemd, Boot Loader Interface; kernel, filesystems/efivarfs (4 bytes of attributes first).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from controllers.lifecycle.entries import parse_name
from controllers.lifecycle.layout import Slot

VENDOR = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
LIMIT = 4096
ATTRIBUTES = 4


@dataclass(frozen=True, slots=True)
class LoaderStatus:
    """Names of entry files, "" where the boot loader said nothing (a BIOS, or another loader)."""

    selected: str = ""
    counted: str = ""
    loader: str = ""

    @property
    def slot(self) -> Slot | None:
        """The slot of the entry that was started."""
        found = parse_name(self.selected)
        return found[0] if found else None

    @property
    def tries_left(self) -> int | None:
        """Tries that are left of that entry, None when it is not counted or the loader speaks of another one."""
        found = parse_name(self.counted)
        return found[1] if found and found[0] is self.slot else None


def read_loader_status(efivars: Path) -> LoaderStatus:
    """Return what the variables below `/sys/firmware/efi/efivars` say; nothing where there are none."""
    selected, counted, loader = (
        _read(efivars / f"{name}-{VENDOR}") for name in ("LoaderEntrySelected", "LoaderBootCountPath", "LoaderInfo")
    )
    return LoaderStatus(selected, counted.rpartition("\\")[2], loader)


def _read(path: Path) -> str:
    try:
        with path.open("rb", buffering=0) as file:
            data = file.read(LIMIT)
    except OSError:
        return ""
    text = data[ATTRIBUTES : len(data) // 2 * 2].decode("utf-16-le", "replace").partition("\0")[0]
    return text if text.isprintable() else ""
