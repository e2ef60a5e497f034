"""Where the files of the system come from: the medium that was started, or a bundle that is fetched.

An ISO and a network boot carry the parts of a bundle as a directory, which stage 1 leaves at /run/ophite/medium/ophite.
Either way signature, sizes and hashes are checked before anything is written, and every part again while it is copied.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from controllers.install.layout import Payload
from controllers.install.ports import Say
from controllers.install.progress import Progress
from controllers.lifecycle import slot_writer
from controllers.lifecycle.bundle import BIOS, ROOT, Bundle, Node, check_compatible, load_keys, open_parts
from controllers.lifecycle.entries import Entry, WriteFile, plan_first
from controllers.lifecycle.errors import BundleError
from controllers.lifecycle.esp import DirectoryEsp, EspPort, hash_stored
from controllers.lifecycle.layout import LOADER_CONF, LOADER_CONF_TEXT, Slot
from controllers.lifecycle.slot_disk import SlotDisk
from controllers.lifecycle.slots import boot_parts, read_boot_state
from controllers.machine.platform import parse_release
from controllers.ports import Paths, Ports

MEDIUM = "medium/ophite"
"""Below /run/ophite."""
KEYS = "usr/share/ophite/keys"
LOADERS = {"amd64": "EFI/BOOT/BOOTX64.EFI", "arm64": "EFI/BOOT/BOOTAA64.EFI"}
"""Where firmware looks for a boot loader (UEFI specification 2.10, 3.5.1.1)."""
GRUB_CONFIG = "grub/grub.cfg"
SMALL = 4 << 20


@dataclass(frozen=True, slots=True)
class BundleSource:
    """Keeps `Source` with a bundle that was found right."""

    bundle: Bundle

    @property
    def version(self) -> str:
        """Keep `Source.version`."""
        return self.bundle.manifest.version

    @property
    def payload(self) -> Payload:
        """Keep `Source.payload`."""
        manifest = self.bundle.manifest
        boot = sum(manifest.files[name].size for name in (*boot_parts(manifest), "boot.efi"))
        return Payload(manifest.arch, manifest.root_hash, manifest.files[ROOT].size, boot)

    @property
    def has_grub(self) -> bool:
        """Keep `Source.has_grub`."""
        return all(name in self.bundle.manifest.files for name in (*BIOS, GRUB_CONFIG))

    def read(self, name: str) -> bytes:
        """Keep `Source.read`. Raises `BundleError`."""
        part = self.bundle.manifest.files.get(name)
        if part is None or part.size > SMALL:
            raise BundleError(f"the bundle's {name} is missing or not small", "build it again")
        return b"".join(self.bundle.read(name))

    def write_root(self, disk: str, say: Say) -> None:
        """Keep `Source.write_root`. Raises `SlotError`, `BundleError`."""
        part = self.bundle.manifest.files[ROOT]
        self._execute((slot_writer.WriteRoot(Slot.A, part.sha256, part.size),), disk, None, say)

    def is_root(self, device: str) -> bool:
        """Keep `Source.is_root`."""
        part = self.bundle.manifest.files[ROOT]
        with Path(device).open("rb", buffering=0) as file:
            return hash_stored(file.fileno(), part.size) == part.sha256

    def write_boot_files(self, disk: str, esp: EspPort, words: tuple[str, ...], say: Say) -> None:
        """Keep `Source.write_boot_files`. Raises `SlotError`, `BundleError`."""
        line = " ".join((self.bundle.read_command_line(), *words))
        self._execute(slot_writer.plan_boot_files(self.bundle.manifest, Slot.A, line), disk, esp, say)

    def activate(self, disk: str, esp: EspPort, words: tuple[str, ...]) -> None:
        """Keep `Source.activate`. Raises `SlotError`, `BundleError`."""
        files = self.bundle.manifest.files
        copied = [("boot.efi", LOADERS[self.bundle.manifest.arch]), *([(GRUB_CONFIG, GRUB_CONFIG)] if self.has_grub else [])]
        options = " ".join((self.bundle.read_command_line(), *words)) if words else ""
        steps: list[slot_writer.Step] = [
            *(slot_writer.CopyPart(part, path, files[part].sha256, files[part].size) for part, path in copied),
            WriteFile(LOADER_CONF, LOADER_CONF_TEXT.encode(), "the boot loader's configuration"),
            *plan_first(Entry(Slot.A, 1, self.version, options=options), bios=self.has_grub),
        ]
        self._execute(steps, disk, esp, lambda fraction: None)

    def is_active(self, esp: EspPort) -> bool:
        """Keep `Source.is_active`."""
        return bool(read_boot_state(esp).entries)

    def _execute(self, steps: Iterable[slot_writer.Step], disk: str, esp: EspPort | None, say: Say) -> None:
        place = SlotDisk(disk, esp or DirectoryEsp(Path("/nonexistent")))
        slot_writer.execute(steps, place, self.bundle, lambda text, fraction: say(fraction))


class NodeMedium:
    """Opens what this node was started from, or what it is told to fetch."""

    def __init__(self, ports: Ports) -> None:
        self._paths = ports.paths

    async def __call__(self, image: str, progress: Progress) -> BundleSource:
        """Return the files, checked. In: `image`, URL of a bundle, empty for the medium's. Raises `LifecycleFault`."""
        bundle = await asyncio.to_thread(open_medium, self._paths, progress)
        return BundleSource(bundle)


def open_medium(paths: Paths, progress: Progress) -> Bundle:
    """Return the bundle of the medium, checked and for this machine. Blocks. Raises `BundleError`."""
    directory = paths.run / MEDIUM
    if not directory.is_dir():
        raise BundleError(
            "the medium that this node was started from has no files to install",
            "start from an Ophite ISO or network boot image, or name a bundle: `ophite install --image https://...`",
        )
    bundle = open_parts(directory, load_keys(paths / KEYS), lambda text, fraction: progress.note(text, fraction))
    check_machine(bundle, paths)
    return bundle


def check_machine(bundle: Bundle, paths: Paths) -> None:
    """Raise `BundleError` when a bundle is for another kind of machine than the one that runs."""
    release = parse_release(paths.release.read_bytes())
    check_compatible(bundle.manifest, Node(release.version, release.board, release.arch))
