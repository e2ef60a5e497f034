"""A loop device with the partitions of an installed disk; the ESP is a directory, since a host's kernel may have no FAT."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from controllers.block import gpt
from controllers.lifecycle.esp import DirectoryEsp
from controllers.lifecycle.layout import Slot
from controllers.lifecycle.slots import ESP_TYPE, root_id
from controllers.ports import Paths
from tests.unit.lifecycle.bundles import Recipe, root_hash
from tests.unit.lifecycle.ukis import make_uki

MIB = 1 << 20
SIZE = 32 * MIB
ROOT_A = 8 * MIB
"""Where the running root begins."""
ROOT_TYPE = UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709")


def write_image(path: Path, size: int = SIZE, sector: int = 512) -> None:
    """Make a disk with ESP, ROOT-A (the running root) and ROOT-B of 4 MiB each, sparse."""
    table, length = gpt.new_table(UUID(int=1), sector, size // sector), 4 * MIB // sector
    rows = [
        ("ESP", ESP_TYPE, UUID(int=2)),
        ("ROOT-A", ROOT_TYPE, root_id(root_hash("1.0"))),
        ("ROOT-B", ROOT_TYPE, UUID(int=4)),
    ]
    for number, (label, kind, uuid) in enumerate(rows, start=2):
        first = (number - 1) * length
        table = table.with_partition(gpt.Partition(number, kind, uuid, first, first + length - 1, label))
    with path.open("wb") as file:
        for offset, data in gpt.encode(table):
            file.seek(offset)
            file.write(data)
        file.seek(ROOT_A)
        file.write(Recipe("1.0").make_parts()["root.erofs"])
        file.truncate(size)


def uki(version: str) -> bytes:
    """A UKI that names the root of a version."""
    return make_uki(
        f"ophite.root=verity ophite.verity={root_hash(version)}:ab:100", f"VERSION_ID={version}\n", version.encode()
    )


def fill_esp(directory: Path) -> None:
    """What an installation leaves: version 1.0 in slot a."""
    files = {
        "loader/entries/ophite-a.conf": b"title Ophite 1.0\nsort-key ophite\nversion 1\nuki /EFI/ophite/a.efi\n",
        "grub/grubenv": b"# GRUB Environment Block\ndefault=a\ntry=\n".ljust(1024, b"#"),
        Slot.A.uki: uki("1.0"),
    }
    for name, data in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data)


class NodePaths(Paths):
    """The node's files below a directory, devices and sysfs the real ones."""

    @property
    def sys(self) -> Path:
        return Path("/sys")

    @property
    def dev(self) -> Path:
        return Path("/dev")


class DirectoryMount:
    """Stands in for `mount_esp` without FAT. Counts, and stays in the middle while `gate` is closed, at most 10 s."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.mounted, self.devices = directory, 0, list[str]()
        self.gate, self.entered = threading.Event(), threading.Event()
        self.gate.set()

    @contextmanager
    def __call__(self, device: str, target: Path, *, read_only: bool) -> Iterator[DirectoryEsp]:
        assert not self.mounted, "one at a time"
        self.mounted, self.devices = self.mounted + 1, [*self.devices, device]
        if not self.gate.is_set():
            self.entered.set()
            self.gate.wait(10)
        try:
            yield DirectoryEsp(self.directory)
        finally:
            self.mounted -= 1
