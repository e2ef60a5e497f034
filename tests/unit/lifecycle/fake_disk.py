"""A disk with two slots in memory, whose power fails after any number of writes, and the machine that boots from it."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

from controllers.lifecycle.esp import Room
from controllers.lifecycle.layout import Slot
from controllers.lifecycle.slots import root_id
from tests.unit.lifecycle.boot_model import boot_bios, boot_uefi
from tests.unit.lifecycle.bundles import Recipe, root_hash

BLOCK = 20_000


class PowerCut(BaseException):
    """The power failed."""


@dataclass
class FakeDisk:
    """Keeps `SlotPlace` and `EspPort`. `writes_left`: so many writes are done, then the power fails (None: never)."""

    files: dict[str, bytes] = field(default_factory=dict)
    roots: dict[Slot, bytes] = field(default_factory=dict)
    ids: dict[Slot, UUID] = field(default_factory=dict)
    writes_left: int | None = None
    free: int = 100 << 20
    writes: int = 0
    fail_with: OSError | None = None

    @property
    def esp(self) -> "FakeDisk":
        return self

    def copy(self) -> "FakeDisk":
        """What is there after the power came back."""
        return FakeDisk(dict(self.files), dict(self.roots), dict(self.ids), free=self.free)

    def list_names(self, directory: str) -> list[str]:
        return sorted(path.rpartition("/")[2] for path in self.files if path.rpartition("/")[0] == directory)

    def find_size(self, path: str) -> int | None:
        return len(self.files[path]) if path in self.files else None

    def read(self, path: str, limit: int, offset: int = 0) -> bytes:
        return self.files[path][offset : offset + limit]

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        self._spend()
        self.files[path] = b""
        for block in _blocks(chunks):
            self._spend()
            self.files[path] += block

    def overwrite(self, path: str, data: bytes) -> None:
        self._spend()
        self.files[path] = data + self.files[path][len(data) :]

    def rename(self, old: str, new: str) -> None:
        self._spend()
        self.files[new] = self.files.pop(old)

    def remove(self, path: str) -> None:
        if path in self.files:
            self._spend()
            del self.files[path]

    def hash_stored(self, path: str) -> str:
        return sha256(self.files[path]).hexdigest()

    def measure(self, directory: str = "") -> Room:
        return Room(self.free, 4096)

    def write_root(self, slot: Slot, chunks: Iterable[bytes]) -> None:
        at = 0
        for block in _blocks(chunks):
            self._spend()
            old = self.roots.get(slot, b"")
            self.roots[slot] = old[:at] + block + old[at + len(block) :]
            at += len(block)

    def hash_root(self, slot: Slot, size: int) -> str:
        return sha256(self.roots[slot][:size]).hexdigest()

    def set_root_id(self, slot: Slot, uuid: UUID) -> None:
        self._spend()
        self.ids[slot] = uuid

    def _spend(self) -> None:
        if self.fail_with is not None:
            raise self.fail_with
        if self.writes_left is not None:
            if not self.writes_left:
                raise PowerCut
            self.writes_left -= 1
        self.writes += 1


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for at in range(0, len(chunk), BLOCK):
            yield chunk[at : at + BLOCK]


def boot(disk: FakeDisk, firmware: str) -> str | None:
    """Start the machine; return the version that comes up, or None.

    A slot comes up when its kernel is whole, a root partition bears the id of that version, and its root is whole (dm-verity).
    """

    def version_at(path: str) -> str | None:
        slot = Slot(path.removeprefix("EFI/").removeprefix("ophite/")[0])
        for version in ("1.0", "2.0"):
            parts = Recipe(version).make_parts()
            if firmware == "uefi":
                kernel = disk.files.get(slot.uki) == parts["ophite.efi"]
            else:
                pairs = ((slot.bios_file(name), parts[name]) for name in ("vmlinuz", "initramfs.zst"))
                kernel = all(disk.files.get(path) == data for path, data in pairs)
            root = parts["root.erofs"]
            for other in Slot:
                bears = disk.ids.get(other) == root_id(root_hash(version))
                if kernel and bears and disk.roots.get(other, b"")[: len(root)] == root:
                    return version
        return None

    start = boot_uefi if firmware == "uefi" else boot_bios
    path = start(disk.files, lambda loader: version_at(loader) is not None)
    return None if path is None else version_at(path)


def power_cuts(disk: FakeDisk) -> Iterator[FakeDisk]:
    """Yield copies whose power fails after 0, 1, 2 … writes; the last one's does not any more."""
    count = 0
    while True:
        copy = deepcopy(disk)
        copy.writes_left = count
        yield copy
        if copy.writes_left:
            return
        count += 1
