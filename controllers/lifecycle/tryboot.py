"""What a Raspberry Pi must have for a try: a way to its firmware's mailbox, and firmware that knows A/B.

Mainline Linux does not hand the argument `0 tryboot` of reboot(2) on to the firmware, as Raspberry Pi's own kernel does. So
`tryboot_main` does it, the last program before the reboot: by `/dev/vcio` where the kernel has it, else by `/dev/mem`. That
needs the word `iomem=relaxed`, and a page of memory that Linux does not use (the overlay that images carry). All of this is
asked for before a try, because afterwards it would only look like a version that never came up.
Sources: Linux, kernel/resource.c (`iomem=`); Raspberry Pi documentation, "Device tree parameters": /chosen/bootloader.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

from controllers.lifecycle.decide import Decision, Facts, Move
from controllers.lifecycle.errors import SlotError
from controllers.ports import Paths
from controllers.resources.machine import RebootArgument

ARGUMENT = "0 tryboot"
"""Of reboot(2): partition by the firmware's own choice, and the flag."""
LIMIT = 10.0
"""Seconds that `tryboot_main` may take, before patience."""
TRYBOOT_A_B = 1 << 2
"""Bit of `capabilities`."""
RELAXED = "iomem=relaxed"


class Board:
    """This machine, as the kernel shows it."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def check(self) -> None:
        """Raise `SlotError` when its firmware could not be told to try a slot, or would not know how."""
        from controllers.lifecycle.mailbox import PAGE_NODE, find_registers

        tree = self._paths.proc / "device-tree"
        capabilities = _read(tree / "chosen/bootloader/capabilities")
        if len(capabilities) == 4 and not struct.unpack(">I", capabilities)[0] & TRYBOOT_A_B:
            hint = "update the EEPROM of the board (rpi-eeprom-update, or Raspberry Pi Imager: bootloader)"
            raise SlotError("the bootloader in the EEPROM is too old to try a slot", hint)
        if (self._paths.dev / "vcio").exists():
            return
        missing = [
            what
            for what, there in (
                ("the mailbox of the firmware", find_registers(self._paths.sys) is not None),
                ("the page for it in the device tree", (tree / PAGE_NODE / "reg").exists()),
                (f"{RELAXED} on the kernel's command line", RELAXED.encode() in _read(self._paths.proc / "cmdline").split()),
            )
            if not there
        ]
        if missing:
            text = f"the firmware cannot be told to try a slot: {', '.join(missing)} is not there"
            raise SlotError(text, "boot with the config.txt and cmdline.txt of the image; nothing was changed")


def want_argument(facts: Facts, decision: Decision) -> RebootArgument | None:
    """Return what the next reboot has to carry, None when its slots are tried by other means or nothing waits for a try."""
    if facts.is_try or facts.record is None or decision.move not in (Move.ARMED, Move.REBOOT):
        return None
    slot = facts.slots.get(facts.record.slot)
    if slot is None or not slot.argument:
        return None
    program = Path(__file__).with_name(f"tryboot_main{Path(__file__).suffix}")
    return RebootArgument(argument=slot.argument, program=(sys.executable, "-I", "-S", str(program)), limit=LIMIT)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError:
        return b""
