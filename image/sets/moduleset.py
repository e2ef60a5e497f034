"""What a module set is: drivers of one kind with the firmware and the programs that they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from image.executables import Executable
from image.rootlist import Keep


@dataclass(frozen=True)
class ModuleSet:
    """One set. A word of `modules` and `stage1` is a module's name or, with `/` at its end, a directory of the kernel's tree
    (`drivers/hwmon/`); one that begins with `?` is taken if the kernel has it, any other must be there."""

    name: str
    summary: str
    modules: tuple[str, ...] = ()
    stage1: tuple[str, ...] = ()  # what the initramfs loads as well, because the root may lie behind it
    firmware: tuple[str, ...] = ()  # Debian packages that may hold the firmware; `NAME:ARCH` is for one architecture
    extra_firmware: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # module → what it loads without saying so
    firmware_links: Mapping[str, str] = field(default_factory=dict)  # links below usr/lib/firmware that Debian makes on install
    absent: Mapping[str, str] = field(default_factory=dict)  # pattern of names that no package has → why that does no harm
    keep: tuple[Keep, ...] = ()  # packages with programs
    executables: tuple[Executable, ...] = ()  # those programs
    microcode: tuple[str, ...] = ()  # packages with microcode of the processor, in the same way
