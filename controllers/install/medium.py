"""Where the files of the system come from: the medium that was started, or a bundle that is fetched.

An ISO and a network boot carry the parts of a bundle as a directory, /run/ophite/medium/ophite: the ISO is mounted for the time
of the installation, of a network boot stage 1 keeps it. Either way signature, sizes and hashes are checked before anything is
written, and every part again while it is copied.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from controllers.install.layout import Payload
from controllers.install.ports import Say
from controllers.install.progress import Progress
from controllers.lifecycle import slot_writer
from controllers.lifecycle.bundle import BIOS, ROOT, Bundle, Manifest, Node, check_compatible, load_keys, open_parts
from controllers.lifecycle.bundle_spool import Spool
from controllers.lifecycle.entries import Entry, plan_first
from controllers.lifecycle.errors import BundleError
from controllers.lifecycle.esp import DirectoryEsp, EspPort, hash_stored
from controllers.lifecycle.esp_side import boot_parts, plan_boot_files, read_boot_state
from controllers.lifecycle.fetch import fetch
from controllers.lifecycle.fetch_http import Limits
from controllers.lifecycle.layout import LOADER_CONF, LOADER_CONF_TEXT, Slot
from controllers.lifecycle.slot_disk import SlotDisk
from controllers.machine.platform import parse_release
from controllers.ports import Ports
from init.linux import mount as mounts
from init.linux.disks import find_medium

MEDIUM, DIRECTORY = "medium", "ophite"
"""Where the medium is mounted, below /run/ophite, and the directory of the parts on it."""
NO_MEDIUM = "start from an Ophite ISO (and leave it in), or name a bundle: `ophite install --image https://...`"
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
        self._execute(plan_boot_files(self.bundle.manifest, Slot.A, line), disk, esp, say)

    def activate(self, disk: str, esp: EspPort, words: tuple[str, ...]) -> None:
        """Keep `Source.activate`. Raises `SlotError`, `BundleError`."""
        options = " ".join((self.bundle.read_command_line(), *words)) if words else ""
        steps: list[slot_writer.Step] = [
            *([self._copy(GRUB_CONFIG, GRUB_CONFIG)] if self.has_grub else []),
            slot_writer.WriteFile(LOADER_CONF, LOADER_CONF_TEXT.encode(), "the boot loader's configuration"),
            *plan_first(Entry(Slot.A, 1, self.version, options=options), bios=self.has_grub),
            self._copy("boot.efi", self._loader),  # the one rename that makes the disk start
        ]
        self._execute(steps, disk, esp, lambda fraction: None)

    def is_active(self, esp: EspPort) -> bool:
        """Keep `Source.is_active`."""
        return bool(read_boot_state(esp).entries) and esp.find_size(self._loader) is not None

    @property
    def _loader(self) -> str:
        return LOADERS[self.bundle.manifest.arch]

    def _copy(self, part: str, path: str) -> slot_writer.CopyPart:
        return slot_writer.plan_copy(self.bundle.manifest, part, path)

    def _execute(self, steps: Iterable[slot_writer.Step], disk: str, esp: EspPort | None, say: Say) -> None:
        place = SlotDisk(disk, esp or DirectoryEsp(Path("/nonexistent")))
        slot_writer.execute(steps, place, self.bundle, lambda text, fraction: say(fraction))


class NodeMedium:
    """Opens what this node was started from, or what it is told to fetch. One `release` after each `open`."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._keys = ports.paths / KEYS

    async def open(self, image: str, progress: Progress) -> BundleSource:
        """Return the files, checked. In: `image`, address of a bundle, empty for the medium's. Raises `LifecycleFault`."""
        bundle = await asyncio.to_thread(self._fetch if image else self._open, image, progress)
        return BundleSource(bundle)

    async def release(self) -> None:
        """Let go of the medium, and of what was fetched. Never raises."""
        await asyncio.to_thread(self._release)

    def _open(self, _: str, progress: Progress) -> Bundle:
        """Open the bundle of the medium; an ISO is mounted for it, because nothing else needs it after the boot."""
        paths, label = self._ports.paths, self._ports.cmdline.get("ophite.medium", "")
        directory = paths.run / MEDIUM / DIRECTORY
        if not directory.is_dir() and self._ports.cmdline.get("ophite.root") == "iso":
            mount_medium(paths.run / MEDIUM, label)
        if not directory.is_dir():
            raise BundleError("the medium that this node was started from has no files to install", NO_MEDIUM)
        return self._check(open_parts(directory, load_keys(self._keys), progress.note))

    def _fetch(self, image: str, progress: Progress) -> Bundle:
        """Spool a bundle in memory, checked as it comes: there is no disk yet that could hold it."""
        spool = Spool(self._spool, load_keys(self._keys), self._check_manifest)
        try:
            fetch(image, spool.write, Limits.of(self._ports), lambda _: progress.note("fetch the bundle", spool.fraction))
            return self._check(spool.finish())
        finally:
            spool.abort()

    @property
    def _spool(self) -> Path:
        return self._ports.paths.run / "install/bundle"

    def _check(self, bundle: Bundle) -> Bundle:
        self._check_manifest(bundle.manifest)
        return bundle

    def _check_manifest(self, manifest: Manifest) -> None:
        """Raise `BundleError` when a bundle is for another kind of machine than the one that runs."""
        release = parse_release(self._ports.paths.release.read_bytes())
        check_compatible(manifest, Node(release.version, release.board, release.arch))

    def _release(self) -> None:
        with suppress(OSError):
            self._spool.unlink(missing_ok=True)
        target = str(self._ports.paths.run / MEDIUM)
        with suppress(OSError):
            for _ in [one for one in mounts.read_mounts() if one.target == target and one.fstype == "iso9660"]:
                mounts.umount(target)


def mount_medium(target: Path, label: str) -> None:
    """Mount the ISO with a volume label. Raises `BundleError`."""
    node, tried = find_medium(label)
    if node is None:
        raise BundleError(f"the medium {label!r} is gone ({'; '.join(tried)})", NO_MEDIUM)
    target.mkdir(parents=True, exist_ok=True)
    try:
        mounts.mount(node, str(target), "iso9660", mounts.MS_RDONLY | mounts.MS_NOSUID | mounts.MS_NODEV | mounts.MS_NOEXEC)
    except OSError as error:
        raise BundleError(f"the medium {node} cannot be mounted: {error.strerror or error}", NO_MEDIUM) from error
