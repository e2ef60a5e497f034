"""What a build is told, what its steps hand on, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from image.arch import Arch
from image.boards import get_board
from image.boards.board import Board
from image.cache import Cache
from image.executables import Executable, list_executables
from image.firmware import FirmwareFile
from image.kernels import find_device_trees, find_vmlinuz
from image.kmod import ModuleInfo
from image.packages import Package
from image.rootlist import KEPT, Keep
from image.sets.moduleset import ModuleSet
from image.sign import SigningKey


@dataclass(frozen=True)
class Options:
    """What the user asked for."""

    output: Path
    board: str = "cloud"
    arch: str = ""  # the board's first
    kubernetes: str = "source"  # "source", a version such as "1.31.2", or a directory of binaries
    kubernetes_url: str = ""  # template of a release mirror: {version} {arch} {name}
    kubernetes_sums: Path | None = None  # file of `SHA-256  NAME` lines for those
    config: Path | None = None  # machine configuration to put into the image
    preload: tuple[Path, ...] = ()  # OCI archives
    mirror: str | None = None  # Debian mirror; None: the host's
    refresh: bool = False  # resolve packages anew
    rebuild: bool = False  # make again all that is neither downloaded nor built from source
    command_line: str = ""  # more for the kernel
    meta: Mapping[str, str] = field(default_factory=dict)  # first values of META
    formats: tuple[str, ...] = ("raw",)
    compress: str = ""  # "zstd", "xz", or not at all
    overlay: Path | None = None  # files that are laid over the root tree
    image_version: str = ""  # instead of the project's
    signing_key: Path | None = None  # private key in PEM; None: the user's own
    sets: tuple[str, ...] = ()  # module sets besides those of the board
    base_url: str = ""  # where the image will be offered, for the manifest that flash tools read

    @property
    def architecture(self) -> str:
        """The Debian name of the processor to build for; raises `ImageError` for an unknown board."""
        return self.arch or get_board(self.board).default_arch


@dataclass(frozen=True)
class Kubernetes:
    """Binaries of one Kubernetes release."""

    version: str  # without "v"
    directory: Path
    source: Path | None = None  # source package, for the pause program


@dataclass(frozen=True)
class RootImage:
    """The verified root: file system with its hash tree behind it."""

    path: Path
    root_hash: str  # SHA-256 in hex
    salt: str
    blocks: int  # of 4096 bytes, data only
    tree_bytes: int  # size of all files before compression


@dataclass(frozen=True)
class Context:
    """One build. A step takes it and returns it with what it made; a step reads only what an earlier one made."""

    options: Options
    board: Board
    arch: Arch
    cache: Cache
    version: str  # of Ophite
    epoch: int  # the build's time in seconds since 1970, the same for the same source
    key: SigningKey
    tools: Path = Path()
    packages: tuple[Package, ...] = ()
    trees: Mapping[str, Path] = field(default_factory=dict)  # package name → unpacked
    kernel_version: str = ""
    kernel: Path = Path()  # the tree of the kernel's packages, joined into one
    sets: tuple[ModuleSet, ...] = ()
    modules: tuple[ModuleInfo, ...] = ()
    stage1_modules: tuple[ModuleInfo, ...] = ()
    medium_modules: tuple[ModuleInfo, ...] = ()  # what stage 1 loads when the root is on a medium or in memory
    module_index: str = ""
    firmware: tuple[FirmwareFile, ...] = ()  # what those modules ask for
    stage1_firmware: tuple[FirmwareFile, ...] = ()
    kubernetes: Kubernetes = Kubernetes("", Path())
    wheels: Path = Path()
    stdlib: Path = Path()
    site_packages: Path = Path()
    code: Path = Path()
    preloads: tuple[Path, ...] = ()
    root: Path = Path()  # the cached tree
    root_image: RootImage = RootImage(Path(), "", "", 0, 0)
    initramfs: Path = Path()
    command_line: str = ""
    uki: Path = Path()  # where the machine has UEFI
    boot_files: Mapping[str, Path | bytes] = field(default_factory=dict)  # of a slot, where it is a Raspberry Pi
    grub: Path | None = None  # core.img and boot.img, where the architecture has BIOS machines
    forms: tuple[str, ...] = ()  # what was made of the formats, as names below the output directory

    @property
    def executables(self) -> tuple[Executable, ...]:
        """Every program of the root image."""
        return list_executables(self.arch, (program for item in self.sets for program in item.executables))

    @property
    def keeps(self) -> tuple[Keep, ...]:
        """What the root image takes from packages."""
        return tuple(dict.fromkeys((*KEPT, *(keep for item in self.sets for keep in item.keep))))

    @property
    def vmlinuz(self) -> Path:
        """The kernel image."""
        return find_vmlinuz(self.kernel, self.kernel_version)

    @property
    def device_trees(self) -> Path:
        """The directory of the kernel's device trees, by maker: `broadcom/bcm2711-rpi-4-b.dtb`."""
        return find_device_trees(self.kernel, self.kernel_version)


@dataclass(frozen=True)
class ImageResult:
    """A finished image: where it is and what it measures (bytes, seconds)."""

    output: Path
    root_hash: str
    root_bytes: int
    tree_bytes: int
    initramfs_bytes: int
    boot_bytes: int  # what the firmware or boot loader reads: the UKI, or all files of a slot
    form_bytes: Mapping[str, tuple[int, int]]  # file that was asked for → size, and what it takes on this disk
    executables: int
    seconds: float
