"""GRUB, so that the same disk starts on a BIOS: boot sectors, core image, configuration and environment block.

The BIOS loads the first sector, that the core image (partition BIOS), that `grub/grub.cfg` of the ESP, which chooses the slot.
Both images are made ready here, with the places where the next piece lies already in them, so that whoever writes a disk only
copies: `boot.img` over the first 440 bytes, `core.img` to the start of the partition BIOS, which begins at sector 2048.
Trap: a new slot is tried once, so GRUB must empty `try` on the disk before it starts the slot, not after.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

from image.cache import Cache, digest
from image.context import Context
from image.errors import ImageError
from image.run import run
from image.tools import fetch_tools, loader_argv

CORE_SECTOR = 2048  # where the partition BIOS begins
CORE_LIMIT = 1 << 20  # bytes: that partition's size
BOOT_CODE = 440  # bytes of the first sector that are code (UEFI specification 5.2.1, legacy master boot record)
# Offsets in GRUB's boot sectors (grub-core/boot/i386/pc: boot.S, diskboot.S).
BOOT_SECTOR_FIELD = 0x5C  # u64: the core image's sector
BOOT_DRIVE_CHECK = (
    0x66  # two bytes: a jump that NOPs turn into a check of the drive number, for BIOSes that hand over a wrong one
)
CORE_REST_FIELD = 500  # u64: the sector of the core image's second part
NOPS = b"\x90\x90"
PREFIX = "(,gpt2)/grub"  # partition 2 of the disk that the core image came from: the ESP
ENVIRONMENT_BYTES = 1024
ENVIRONMENT_SIGNATURE = "# GRUB Environment Block\n"
GRUB_FILES = "usr/lib/grub/i386-pc"
TOOL_PACKAGES = ("grub-common",)
MODULES = (
    "normal", "configfile", "linux", "echo", "test", "true", "sleep", "reboot", "halt", "serial", "terminal", "smbios",
    "regexp", "search", "search_label", "biosdisk",
)  # fmt: skip
DISK_MODULES = (*MODULES, "part_gpt", "fat", "loadenv")
MEDIUM_MODULES = (*MODULES, "part_gpt", "part_msdos", "iso9660")
PLAIN_WORD = re.compile(r"[A-Za-z0-9_.,:=/+@%^~-]+")
CONSOLE = """\
set timeout=0
serial --unit=0 --speed=115200
terminal_output console serial
"""
# What a hypervisor adds to the command line; systemd's stub reads the same string on UEFI (systemd-stub(7)). Byte 4 of the
# table is the number of strings, so this is the last one.
EXTRA_WORDS = """\
if smbios --type 11 --get-string 4 --set words; then
  regexp --set 1:extra '^io\\.systemd\\.stub\\.kernel-cmdline-extra=(.*)$' "$words"
fi
"""
CONFIGURATION = f"""\
# Starts a slot. A new slot is tried once: try is emptied on the disk before that slot is started.
{CONSOLE}{EXTRA_WORDS}\
function start {{
  if source "/ophite/$1/boot.cfg"; then boot; fi
  echo "slot $1 cannot be started"
}}
load_env --file /grub/grubenv default try
if [ -n "$try" ]; then
  set slot="$try"
  set try=
  if save_env --file /grub/grubenv try; then start "$slot"; fi
fi
if [ "$default" = b ]; then
  start b
  start a
else
  start a
  start b
fi
echo "no slot can be started, rebooting"
sleep 10
reboot
"""


def render_environment(default: str, attempt: str = "") -> bytes:
    """The environment block that `load_env` reads and `save_env` writes in place; always 1024 bytes."""
    text = f"{ENVIRONMENT_SIGNATURE}default={default}\ntry={attempt}\n"
    return text.encode().ljust(ENVIRONMENT_BYTES, b"#")


def render_boot(directory: str, command_line: str, initramfs: tuple[str, ...] = ("initramfs.zst",)) -> str:
    """The lines that load kernel and initramfs from `directory`; `$extra` is what the configuration found besides.

    Raises `ImageError` for a word that GRUB cannot hand on.
    """
    words = " ".join(quote_word(word) for word in command_line.split())
    files = " ".join(name if name.startswith("/") else f"{directory}/{name}" for name in initramfs)
    return f"linux {directory}/vmlinuz {words} $extra\ninitrd {files}\n"


def quote_word(word: str) -> str:
    """A word of the kernel's command line as GRUB's shell takes it."""
    if PLAIN_WORD.fullmatch(word):
        return word
    if any(character in word for character in "'\"\\"):
        raise ImageError(f"kernel argument {word}: GRUB cannot hand on quotes or backslashes", "leave them out")
    return f"'{word}'"


def render_medium(label: str, boot: str) -> str:
    """The configuration of a medium: one choice. `boot` are the lines that load the kernel."""
    return (
        f"# Starts the installation medium {label}.\n{CONSOLE}{EXTRA_WORDS}{boot}boot\n"
        'echo "the medium cannot be started, rebooting"\nsleep 10\nreboot\n'
    )


def make_grub(context: Context) -> Path:
    """A directory of the cache with `core.img` and `boot.img`, ready to be written."""
    files = context.trees[context.arch.bios_loader] / GRUB_FILES

    def make(directory: Path) -> None:
        make_core(context.cache, context.options.mirror, files, directory / "core.img")
        patched = patch_core((directory / "core.img").read_bytes(), CORE_SECTOR)
        (directory / "core.img").write_bytes(patched)
        (directory / "boot.img").write_bytes(patch_boot((files / "boot.img").read_bytes(), CORE_SECTOR))

    return context.cache.entry("grub", digest(files.parents[3].name, Path(__file__))[:24], make)


def make_core(cache: Cache, mirror: str | None, files: Path, path: Path) -> None:
    """The core image for a disk, before it is patched."""
    argv = mkimage_argv(cache, mirror, files)
    run([*argv, "-O", "i386-pc", "-p", PREFIX, "-o", path, *DISK_MODULES])


def make_eltorito(context: Context, label: str, path: Path) -> None:
    """The core image that a CD or a stick starts; it finds the medium by its volume id."""
    files = context.trees[context.arch.bios_loader] / GRUB_FILES
    early = path.with_suffix(".cfg")
    early.write_text(f"search --no-floppy --set=root --label {label}\nset prefix=($root)/grub\n")
    argv = mkimage_argv(context.cache, context.options.mirror, files)
    run([*argv, "-O", "i386-pc-eltorito", "-p", "/grub", "-c", early, "-o", path, *MEDIUM_MODULES])
    early.unlink()


def mkimage_argv(cache: Cache, mirror: str | None, files: Path) -> list[str | Path]:
    """The start of an argv for grub-mkimage(1)."""
    tools = fetch_tools(TOOL_PACKAGES, cache, mirror)
    return [*loader_argv(tools, "usr/bin/grub-mkimage"), "-d", files]


def patch_core(core: bytes, sector: int) -> bytes:
    """A core image that knows that it lies at `sector`: its first sector loads the rest."""
    if len(core) > CORE_LIMIT:
        raise ImageError(f"GRUB's core image has {len(core)} bytes, its partition {CORE_LIMIT}", "name fewer modules")
    return replace_bytes(core, CORE_REST_FIELD, struct.pack("<Q", sector + 1))


def patch_boot(boot: bytes, sector: int) -> bytes:
    """The code of the first sector of a disk whose core image lies at `sector`."""
    placed = replace_bytes(boot[:BOOT_CODE], BOOT_SECTOR_FIELD, struct.pack("<Q", sector))
    return replace_bytes(placed, BOOT_DRIVE_CHECK, NOPS)


def replace_bytes(data: bytes, offset: int, piece: bytes) -> bytes:
    """`data` with `piece` at `offset`."""
    return data[:offset] + piece + data[offset + len(piece) :]
