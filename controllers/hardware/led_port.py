"""LEDs of the kernel's class `leds`: look, light, and remember how they were.

What an LED was before is kept in /run, so that a new brain can give it back. Files: Documentation/ABI/testing/sysfs-class-led.
Trap: `delay_on` and `delay_off` are there only after the trigger `timer` was set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from controllers.block.sysfs import read_number
from controllers.hardware.led_lights import Light, Trigger

TRIGGERS_LIMIT = 64 << 10  # bytes: there is a trigger for every processor and disk
KEPT_LIMIT = 256 << 10
MAX_LEDS = 256
_NAME = re.compile(r"[!-.0-~]{1,128}")
_TRIGGER = re.compile(r"[!-~]{1,128}")


class Former(msgspec.Struct, frozen=True):
    """How an LED was before: trigger, brightness, and the delays of the timer in milliseconds."""

    trigger: str
    brightness: int = 0
    delay_on: int = 0
    delay_off: int = 0


class Led(msgspec.Struct, frozen=True):
    """What an LED does now, and which triggers it could have."""

    trigger: str
    triggers: frozenset[str]
    brightness: int
    max_brightness: int


class LedPort:
    """The LEDs below `root` (/sys/class/leds); `kept` is the file of what they were. Writing raises `OSError`."""

    def __init__(self, root: Path, kept: Path) -> None:
        self._root = root
        self._kept = kept

    def names(self) -> list[str]:
        """Return the LEDs' names, at most 256."""
        try:
            found = sorted(path.name for path in self._root.iterdir() if _NAME.fullmatch(path.name))
        except OSError:
            return []
        return found[:MAX_LEDS]

    def read(self, name: str) -> Led:
        """Return what an LED does; one that is gone does nothing."""
        led = self._root / name
        words = _read_words(led / "trigger")
        trigger = next((word[1:-1] for word in words if word.startswith("[")), Trigger.NONE.value)
        triggers = frozenset(word.strip("[]") for word in words)
        return Led(trigger, triggers, read_number(led / "brightness"), read_number(led / "max_brightness", 1))

    def show(self, name: str, light: Light) -> None:
        """Have an LED show something."""
        led = self._root / name
        _write(led / "trigger", light.trigger)
        if light.trigger is Trigger.TIMER:
            _write(led / "delay_on", light.on)
            _write(led / "delay_off", light.off)
        elif light.trigger is Trigger.NONE:
            _write(led / "brightness", read_number(led / "max_brightness", 1) if light.on else 0)

    def former(self, name: str) -> Former:
        """Return how an LED is, to give it back later."""
        led, now = self._root / name, self.read(name)
        if now.trigger != Trigger.TIMER:
            return Former(now.trigger, now.brightness)
        return Former(now.trigger, now.brightness, read_number(led / "delay_on"), read_number(led / "delay_off"))

    def restore(self, name: str, former: Former) -> None:
        """Make an LED what it was."""
        led = self._root / name
        _write(led / "trigger", former.trigger)
        if former.trigger == Trigger.TIMER:
            _write(led / "delay_on", former.delay_on)
            _write(led / "delay_off", former.delay_off)
        elif former.trigger == Trigger.NONE:
            _write(led / "brightness", former.brightness)

    def load(self) -> dict[str, Former]:
        """Return what was kept, perhaps by a former brain; nothing where that cannot be understood."""
        try:
            with self._kept.open("rb") as file:
                kept = msgspec.json.decode(file.read(KEPT_LIMIT), type=dict[str, Former])
        except (OSError, msgspec.MsgspecError):
            return {}
        return {name: former for name, former in kept.items() if _NAME.fullmatch(name) and _TRIGGER.fullmatch(former.trigger)}

    def keep(self, formers: Mapping[str, Former]) -> None:
        """Replace what is kept."""
        self._kept.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        temporary = self._kept.with_name(f".{self._kept.name}.new")
        temporary.write_bytes(msgspec.json.encode(formers))
        temporary.replace(self._kept)


def _read_words(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            return file.read(TRIGGERS_LIMIT).decode("ascii", "replace").split()
    except OSError:
        return []


def _write(path: Path, value: str | int) -> None:
    with path.open("w", encoding="ascii") as file:
        file.write(f"{value}\n")
