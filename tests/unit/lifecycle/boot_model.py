"""What systemd-boot and GRUB do with an ESP, written down from their documentation, apart from the code that is tested.

An ESP is a dict of path → bytes. Sources: systemd-boot(7) and src/boot/boot.c of systemd 262 (selection, counting, reboot
on error); UAPI group, Boot Loader Specification (sorting); image/grub.py (the configuration that GRUB runs).
"""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

Esp = dict[str, bytes]
COUNTED = ("uki", "linux")  # boot.c, LOADER_TYPE_BUMP_COUNTERS
COUNTER = re.compile(r"^(.*)\+(\d+)(?:-(\d+))?\.conf$", re.IGNORECASE)


@dataclass
class Found:
    """An entry as systemd-boot has it in memory; `left` is -1 without a counter."""

    name: str
    kind: str
    loader: str
    sort_key: str
    version: str
    left: int = -1
    done: int = -1


def load(esp: Esp) -> list[Found]:
    """Read loader/entries: what has no loader line, or one that names no file, is left out."""
    found = []
    for path, content in esp.items():
        directory, _, name = path.rpartition("/")
        if directory != "loader/entries" or not name.lower().endswith(".conf") or name.startswith("."):
            continue
        entry = Found(name, "", "", "", "")
        for line in content.decode().splitlines():
            key, _, value = line.strip().partition(" ")
            value = value.strip()
            if key in ("uki", "linux", "efi"):
                entry.kind, entry.loader = key, value.lstrip("/")
            elif key == "sort-key":
                entry.sort_key = value
            elif key == "version":
                entry.version = value
        if entry.loader not in esp:
            continue
        if counter := COUNTER.match(name):
            entry.left, entry.done = int(counter[2]), int(counter[3] or 0)
        found.append(entry)
    return sorted(found, key=functools.cmp_to_key(compare))


def compare(one: Found, other: Found) -> int:
    """Order two entries as boot_entry_compare does: the smaller comes first."""
    if (one.left == 0) != (other.left == 0):
        return 1 if one.left == 0 else -1
    if bool(one.sort_key) != bool(other.sort_key):
        return -1 if one.sort_key else 1
    if one.sort_key != other.sort_key:
        return -1 if one.sort_key < other.sort_key else 1
    if one.version != other.version:
        return -1 if int(one.version or 0) > int(other.version or 0) else 1
    if version_key(one.name) != version_key(other.name):
        return -1 if version_key(one.name) > version_key(other.name) else 1
    if one.left < 0 or other.left < 0 or one.left == other.left:
        return one.done - other.done if one.left == other.left >= 0 else 0
    return other.left - one.left


def version_key(name: str) -> tuple[str, bool]:
    """Order names as the Version Format Specification does, as far as ours differ: `+` is skipped, and a digit is greater than
    the dot that stands there otherwise.
    """
    stem = name.lower().removesuffix(".conf")
    return stem.partition("+")[0], "+" in stem


def boot_uefi(esp: Esp, loads: Callable[[str], bool]) -> str | None:
    """Start the machine once: return the path of the UKI that runs, or None when nothing starts.

    In: `loads`, whether firmware accepts a UKI. Counts the try in `esp`. A counted entry that cannot be loaded means reboot.
    """
    for _ in range(10):
        entries = load(esp)
        if not entries:
            return None
        first = entries[0]
        if first.kind in COUNTED and first.left >= 0:
            stem = first.name.rpartition("+")[0]
            renamed = f"{stem}+{max(first.left - 1, 0)}-{first.done + 1}.conf"
            esp[f"loader/entries/{renamed}"] = esp.pop(f"loader/entries/{first.name}")
        if loads(first.loader):
            return first.loader
        if first.left <= 0:
            return None  # back to the firmware: nothing comes by itself
    return None


def environment(esp: Esp) -> dict[str, str] | None:
    """Read grubenv as load_env does; None when GRUB refuses the file."""
    block = esp.get("grub/grubenv", b"")
    if len(block) != 1024 or not block.startswith(b"# GRUB Environment Block\n"):
        return None
    lines = [line for line in block.decode().split("\n") if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def boot_bios(esp: Esp, loads: Callable[[str], bool]) -> str | None:
    """Start the machine once by GRUB: return the directory of the slot that runs, or None."""
    values = environment(esp) or {}
    order = []
    attempt = values.get("try", "")
    if attempt:
        esp["grub/grubenv"] = f"# GRUB Environment Block\ndefault={values.get('default', '')}\ntry=\n".encode().ljust(
            1024, b"#"
        )
        order.append(attempt)
    order += ["b", "a"] if values.get("default") == "b" else ["a", "b"]
    for slot in order:
        if f"ophite/{slot}/boot.cfg" in esp and loads(f"ophite/{slot}"):
            return f"ophite/{slot}"
    return None
