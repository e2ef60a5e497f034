"""What a board is: everything that differs between the machines an image is made for."""

from __future__ import annotations

from dataclasses import dataclass

from image.arch import ARCHES


@dataclass(frozen=True)
class Kernel:
    """Which kernel: a Debian (meta) package that depends on the newest one, and the suite it comes from."""

    package: str
    suite: str = "trixie"
    words: tuple[str, ...] = ()  # of the command line, where the architectures differ; before the board's own


@dataclass(frozen=True)
class Uefi:
    """Started by UEFI (and by GRUB on a BIOS where the architecture has such machines): ESP, two root slots, META, STATE."""


@dataclass(frozen=True)
class Stepping:
    """A later stepping of a board's chip, for which the kernel has another device tree while the firmware lays an overlay
    over the first one, or looks for a tree under a name of its own."""

    tree: str  # the kernel's tree for it
    base: str  # the one that the firmware loads
    overlay: str  # the overlay that it lays over that
    name: str  # the tree that it takes instead when it is there


@dataclass(frozen=True)
class RaspberryPi:
    """Started by the Raspberry Pi's own firmware, from FAT partitions (docs/boards.md)."""

    device_trees: tuple[str, ...]  # patterns below the kernel's device trees, such as `broadcom/bcm2711-rpi-4-b.dtb`
    firmware: tuple[str, ...] = ()  # files of the package raspi-firmware that the GPU loads, by name
    config: tuple[str, ...] = ()  # lines of config.txt besides those that every board has
    steppings: tuple[Stepping, ...] = ()
    boot_rom: bool = False  # its ROM wants bootcode.bin in the first partition


@dataclass(frozen=True)
class Board:
    """One kind of machine. A module whose name begins with `?` is taken if the kernel has it; any other must be there."""

    name: str
    summary: str
    kernels: dict[str, Kernel]  # architecture → kernel; the first one is built when none is said
    stage1: tuple[str, ...]  # modules that the initramfs loads, for the disk and the root image
    modules: tuple[str, ...]  # modules that the root image carries besides
    command_line: tuple[str, ...]  # of the kernel, besides what the build adds; the last console= is /dev/console
    sets: tuple[str, ...] = ()  # module sets that are always in
    boot: Uefi | RaspberryPi = Uefi()
    imager: tuple[str, ...] = ()  # the device tags of Raspberry Pi Imager for these machines
    tested: str = "nothing yet"  # what was booted, and where
    slot_mib: int = 1024  # size of ROOT-A and ROOT-B at least: room for years of growing versions
    esp_mib: int = 512  # for each slot kernel, initramfs and UKI, while the next are written beside them
    state_mib: int = 64

    def __post_init__(self) -> None:
        """A board that names an architecture nobody has, or none, is a mistake in its file."""
        if not self.kernels or not set(self.kernels) <= set(ARCHES):
            raise ValueError(f"board {self.name}: kernels for {sorted(self.kernels)}, expected some of {sorted(ARCHES)}")

    @property
    def default_arch(self) -> str:
        """The architecture that is built when none is said."""
        return next(iter(self.kernels))
