"""Memory modules as the firmware describes them: /sys/firmware/dmi/tables/DMI. Pure.

A table is structure after structure: type, length and handle, numbers at fixed offsets, then texts ended by zero bytes and
counted from 1, the last followed by another zero. Source: DMTF DSP0134 (SMBIOS 3), 6.1 and 7.18 "Memory Device".
Trap: firmware is careless: lengths lie, texts are missing, an empty slot is described like a full one, with size 0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from controllers.hardware.system_info import clean
from controllers.resources.hardware import MemoryModule

MEMORY_DEVICE, END = 17, 127
MAX_STRUCTURES, MAX_MODULES = 4096, 512
MIB = 1 << 20
SIZE, LOCATOR, BANK, KIND, SPEED, MAKER, SERIAL, PART, EXTENDED, CONFIGURED = (
    0x0C, 0x10, 0x11, 0x12, 0x15, 0x17, 0x18, 0x1A, 0x1C, 0x20,
)  # fmt: skip
UNKNOWN, IS_EXTENDED, IN_KIB = 0xFFFF, 0x7FFF, 0x8000
KINDS = {
    0x07: "RAM", 0x0F: "SDRAM", 0x12: "DDR", 0x13: "DDR2", 0x18: "DDR3", 0x1A: "DDR4", 0x1B: "LPDDR", 0x1C: "LPDDR2",
    0x1D: "LPDDR3", 0x1E: "LPDDR4", 0x20: "HBM", 0x21: "HBM2", 0x22: "DDR5", 0x23: "LPDDR5", 0x24: "HBM3",
}  # fmt: skip


class Structure(NamedTuple):
    """One structure: its bytes up to the texts, and those."""

    kind: int
    data: bytes
    texts: tuple[bytes, ...]

    def number(self, offset: int, form: str) -> int:
        """Return a number (`struct` form); 0 where an old table has no such field."""
        end = offset + struct.calcsize(form)
        return int(struct.unpack(form, self.data[offset:end])[0]) if end <= len(self.data) else 0

    def text(self, offset: int) -> str:
        """Return the text whose number is at an offset, cleaned; "" for none."""
        number = self.number(offset, "<B")
        return clean(self.texts[number - 1].decode("ascii", "replace")) if 0 < number <= len(self.texts) else ""


def parse_table(data: bytes) -> Iterator[Structure]:
    """Yield the structures of a table; ends where it makes no sense any more."""
    for _ in range(MAX_STRUCTURES):
        if len(data) < 4 or data[1] < 4 or data[0] == END:
            return
        kind, length = data[0], data[1]
        end = data.find(b"\0\0", length)
        if end < 0:
            return
        yield Structure(kind, data[:length], tuple(data[length:end].split(b"\0")))
        data = data[end + 2 :]


def parse_memory(data: bytes) -> dict[str, MemoryModule]:
    """Return the modules that are plugged in, by the name of their slot."""
    found: dict[str, MemoryModule] = {}
    for one in parse_table(data):
        size = _size(one)
        if one.kind != MEMORY_DEVICE or size == 0 or len(found) >= MAX_MODULES:
            continue
        slot = one.text(LOCATOR) or one.text(BANK) or f"slot {len(found)}"
        name = slot if slot not in found else f"{one.text(BANK)} {slot}".strip()
        speed = one.number(CONFIGURED, "<H") or one.number(SPEED, "<H")
        found[name if name not in found else f"{name} {len(found)}"] = MemoryModule(
            size=size,
            kind=KINDS.get(one.number(KIND, "<B"), ""),
            speed=0 if speed == UNKNOWN else speed,
            manufacturer=one.text(MAKER),
            part=one.text(PART),
            serial=one.text(SERIAL),
        )
    return found


def _size(one: Structure) -> int:
    """Return the size in bytes, 0 for an empty slot and for one that the firmware does not know."""
    size = one.number(SIZE, "<H")
    if size in (0, UNKNOWN):
        return 0
    if size == IS_EXTENDED:
        return (one.number(EXTENDED, "<I") & 0x7FFFFFFF) * MIB
    return (size & ~IN_KIB) * (1024 if size & IN_KIB else MIB)
