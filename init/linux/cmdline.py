"""The kernel command line: hostile until checked, because whoever boots the machine can write it.

Every key has a default, and every value that does not fit becomes a line in `problems` instead of an error: a typo on the
command line must not keep a node from booting. Only a root that cannot be understood is fatal, which stage 1 decides.
"""

from enum import StrEnum
from typing import NamedTuple

from init.linux.dm import Verity

LIMIT = 65536  # characters; kernels take 2048 (x86, arm64), inline configuration in an image may be longer
HEX = frozenset("0123456789abcdef")
LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
MAX_BLOCKS = 1 << 24  # 64 GiB of 4096-byte blocks
MAX_PATIENCE = 1000


class Platform(StrEnum):
    """Where the node runs."""

    METAL = "metal"
    QEMU = "qemu"
    NAMESPACES = "namespaces"


class RootKind(StrEnum):
    """Where stage 1 finds the root image."""

    VERITY = "verity"
    INITRAMFS = "initramfs"
    ISO = "iso"


class CommandLine(NamedTuple):
    """The checked values; `values` has every key as written, a flag as "", of a repeated key the last."""

    values: dict[str, str]
    problems: tuple[str, ...]
    platform: Platform
    patience: int
    hostname: str
    root: RootKind | None
    verity: Verity | None
    medium: str
    hold: bool

    @property
    def disk_root(self) -> Verity | None:
        """The root, where it is a partition of a disk, which META and slots are on too."""
        return self.verity if self.root is RootKind.VERITY else None


def split_words(text: str) -> list[str]:
    """Words as the kernel splits them: at white space outside double quotes; the quotes go (lib/cmdline.c, next_arg)."""
    words: list[str] = []
    quoted, inside = False, False
    for character in text:
        if character == '"':
            quoted = not quoted
        elif character.isspace() and not quoted:
            inside = False
        else:
            words[-1:] = [words[-1] + character] if inside else [*words[-1:], character]
            inside = True
    return words


def parse_verity(value: str) -> Verity | None:
    """`ROOTHASH:SALT:BLOCKS`, or None when it is not that."""
    root_hash, _, rest = value.lower().partition(":")
    salt, _, blocks = rest.partition(":")
    if len(root_hash) != 64 or len(salt) > 512 or len(salt) % 2 or not HEX.issuperset(root_hash + salt):
        return None
    if not (blocks.isascii() and blocks.isdecimal() and len(blocks) <= 8 and 0 < int(blocks) <= MAX_BLOCKS):
        return None
    return Verity(root_hash, salt, int(blocks))


def is_hostname(name: str) -> bool:
    """Whether `name` is a host name of RFC 1123: labels of 1 to 63 letters, digits and inner hyphens; 63 in all on Linux."""
    labels = name.split(".")
    return len(name) <= 63 and all(
        label and LABEL.issuperset(label) and not label.startswith("-") and not label.endswith("-") for label in labels
    )


def parse_cmdline(text: str) -> CommandLine:
    """Decode /proc/cmdline; never raises, what is wrong is in `problems`."""
    problems = [] if len(text) <= LIMIT else [f"the command line has {len(text)} characters, only {LIMIT} are read"]
    values = {}
    for word in split_words(text[:LIMIT]):
        key, _, value = word.partition("=")
        values[key] = value

    def checked(key: str, valid: bool, wanted: str) -> bool:
        if key in values and not valid:
            problems.append(f"{key}={values[key][:80]}: {wanted}")
        return key in values and valid

    platform, patience = values.get("ophite.platform", ""), values.get("ophite.patience", "")
    root, verity = values.get("ophite.root", ""), parse_verity(values.get("ophite.verity", ""))
    hostname, medium = values.get("ophite.hostname", "").lower(), values.get("ophite.medium", "")
    is_patience = patience.isascii() and patience.isdecimal() and len(patience) <= 4 and 1 <= int(patience) <= MAX_PATIENCE
    is_platform = checked("ophite.platform", platform in list(Platform), "not one of " + ", ".join(Platform))
    checked("ophite.verity", verity is not None, "not ROOTHASH:SALT:BLOCKS with a SHA-256 hash and salt in hex")
    return CommandLine(
        values=values,
        platform=Platform(platform) if is_platform else Platform.METAL,
        patience=int(patience) if checked("ophite.patience", is_patience, f"not a number from 1 to {MAX_PATIENCE}") else 1,
        hostname=hostname if checked("ophite.hostname", is_hostname(hostname), "not a host name of RFC 1123") else "",
        root=RootKind(root) if checked("ophite.root", root in list(RootKind), "not one of " + ", ".join(RootKind)) else None,
        verity=verity,
        medium=medium if checked("ophite.medium", 0 < len(medium) <= 32 and medium.isascii(), "not a volume label") else "",
        hold=values.get("panic") == "0",
        problems=tuple(problems),
    )


def read_cmdline(path: str = "/proc/cmdline") -> CommandLine:
    """The command line that this system was started with."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return parse_cmdline(file.read(LIMIT + 1))
