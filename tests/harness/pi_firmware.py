"""What the firmware of a Raspberry Pi does with its FAT partitions, written down from its documentation, apart from our code.

A card is a mapping of `PARTITION/path` → bytes, with partitions BOOT, BOOT-A and BOOT-B as numbers 1 to 3. The flag lives in
the firmware: a reboot keeps it, a loss of power does not, and it is gone as soon as a boot has read it.
Sources: Raspberry Pi documentation: config.txt ("autoboot.txt", "Conditional filters"), "Raspberry Pi boot modes"
(bootable partitions, partition walk, TRYBOOT); release notes of the EEPROMs. Where models and ages differ it is a field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PARTITIONS = {1: "BOOT", 2: "BOOT-A", 3: "BOOT-B"}
LIMIT = 512
"""Bytes of autoboot.txt that are read."""
FILTERS = {"all", "none", "tryboot"}

Card = Mapping[str, bytes]


@dataclass(frozen=True)
class Booted:
    """What a kernel is started with."""

    partition: int
    tried: bool
    kernel: bytes
    initramfs: bytes
    command_line: str


@dataclass
class Firmware:
    """One board. `by_start`: a partition is bootable by a `start*.elf`, else by a `config.txt` (Pi 5). `sections`: filters of
    autoboot.txt are understood; before 2022 they were not, and the last number in the file counted. `knows_flag`: the flag
    is acted on. `walks`: a partition that is asked for and cannot be booted is passed over for the next one. `heeds`: the
    property tryboot_a_b is; without, `tryboot.txt` is read in place of `config.txt` (rpi-eeprom issue 504).
    """

    by_start: bool = True
    sections: bool = True
    knows_flag: bool = True
    walks: bool = False
    heeds: bool = True
    flag: bool = field(default=False, init=False)

    def tell(self) -> None:
        """Take the flag, as by mailbox request 0x00038064."""
        self.flag = True

    def lose_power(self) -> None:
        """Forget everything."""
        self.flag = False

    def start(self, card: Card) -> Booted | None:
        """Start once; None when nothing is booted and nobody but a person helps."""
        tried, self.flag = self.flag and self.knows_flag, False
        values = read_autoboot(card.get("BOOT/autoboot.txt", b""), sections=self.sections, tried=tried)
        number = self._choose(card, values.get("boot_partition", "0"))
        if number is None:
            return None
        by_partition = self.heeds and values.get("tryboot_a_b") == "1"
        return self._load(card, number, "tryboot.txt" if tried and not by_partition else "config.txt", tried=tried)

    def _choose(self, card: Card, wanted: str) -> int | None:
        number = int(wanted) if wanted.isdecimal() else 0
        if number not in PARTITIONS:
            return self._first_bootable(card, 1)
        if self._is_bootable(card, number):
            return number
        return self._first_bootable(card, number + 1) if self.walks else None

    def _first_bootable(self, card: Card, first: int) -> int | None:
        return next((one for one in PARTITIONS if one >= first and self._is_bootable(card, one)), None)

    def _is_bootable(self, card: Card, number: int) -> bool:
        names = [path.partition("/")[2].lower() for path in card if path.partition("/")[0] == PARTITIONS[number]]
        if self.by_start:
            return any(name.startswith("start") and name.endswith(".elf") for name in names)
        return "config.txt" in names

    def _load(self, card: Card, number: int, config: str, *, tried: bool) -> Booted | None:
        """Read the configuration, or go by the names that hold without one, and load what it says."""
        place = PARTITIONS[number]
        values = {"kernel": "kernel8.img", "cmdline": "cmdline.txt"}
        values |= read_config(card.get(f"{place}/{config}", b"").decode(), tried=tried)
        kernel = card.get(f"{place}/{values['kernel']}")
        if kernel is None:
            return None
        initramfs = card.get(f"{place}/{values.get('initramfs', '')}", b"")
        return Booted(number, tried, kernel, initramfs, card.get(f"{place}/{values['cmdline']}", b"").decode().strip("\n"))


def read_autoboot(data: bytes, *, sections: bool, tried: bool) -> dict[str, str]:
    """Return the properties of autoboot.txt that hold."""
    passes, values = True, dict[str, str]()
    for line in data[:LIMIT].decode("utf-8", "replace").splitlines():
        if line.startswith("["):
            name = line.strip().strip("[]").lower()
            passes = not sections or (name in FILTERS and (name == "all" or (name == "tryboot" and tried)))
        elif passes and "=" in line:
            key, _, value = line.partition("=")
            values[key.strip()] = value.strip()
    return values


def read_config(text: str, *, tried: bool) -> dict[str, str]:
    """Return the properties of config.txt that hold, as far as booting goes; `initramfs` has no equals sign."""
    passes, values = True, dict[str, str]()
    for line in text.splitlines():
        if line.startswith("["):
            passes = line in ("[all]", "[tryboot]" if tried else "[all]")
        elif passes and line.startswith("initramfs "):
            values["initramfs"] = line.split()[1]
        elif passes and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            values[key] = value
    return values
