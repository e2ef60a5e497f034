"""Which LED shows what: identification before the state of the boot. Pure.

The names of the class follow `device:color:function` (Documentation/leds/leds-class.rst); the Raspberry Pi's are `ACT` and
`PWR`, on old device trees `led0` and `led1`. Nothing else is touched: network cards and keyboards have LEDs too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from controllers.resources.machine import Stage


class Trigger(StrEnum):
    """What drives an LED (linux/leds.h), as its file `trigger` in sysfs calls it."""

    NONE = "none"
    TIMER = "timer"
    HEARTBEAT = "heartbeat"


class Light(NamedTuple):
    """What an LED shows. `on` and `off` are milliseconds of the timer; without it `on` is whether it is lit."""

    trigger: Trigger
    on: int = 0
    off: int = 0


LIT = Light(Trigger.NONE, on=1)
DARK = Light(Trigger.NONE)
IDENTIFY = Light(Trigger.TIMER, 125, 125)
SLOWLY = Light(Trigger.TIMER, 1000, 1000)
QUICKLY = Light(Trigger.TIMER, 250, 250)
BEATING = Light(Trigger.HEARTBEAT)

STAGES: dict[Stage, Light] = {
    Stage.BOOTING: BEATING,
    Stage.MAINTENANCE: SLOWLY,
    Stage.STARTING: BEATING,
    Stage.RUNNING: LIT,
    Stage.SHUTTING_DOWN: QUICKLY,
}
"""What the activity LED of a Raspberry Pi shows; a node that ran and is not ready any more beats again."""

LOCATING = frozenset({"locate", "locator", "identify", "ident", "id", "uid", "indicator"})
ACTIVITY = frozenset({"act", "led0", "activity"})
POWER = frozenset({"pwr", "led1", "power"})
_NUMBERED = re.compile(r"[-_]\d+$")


def function_of(name: str) -> str:
    """Return the last part of an LED's name: `pca955x:blue:locate-1` → `locate`."""
    return _NUMBERED.sub("", name.rpartition(":")[2]).lower()


def is_locating(name: str, raspberry: bool) -> bool:
    """Return whether people may find a machine by this LED."""
    function = function_of(name)
    return function in LOCATING or (raspberry and function in ACTIVITY | POWER)


def plan_lights(names: Iterable[str], *, raspberry: bool, identify: bool, stage: Stage | None, ready: bool) -> dict[str, Light]:
    """Return what each LED shows that shall show something of ours. `stage` None: not known yet."""
    lights = {}
    for name in names:
        if identify and is_locating(name, raspberry):
            lights[name] = IDENTIFY
        elif raspberry and stage is not None and function_of(name) in ACTIVITY:
            lights[name] = BEATING if stage is Stage.RUNNING and not ready else STAGES[stage]
    return lights


def substitute(light: Light, available: Iterable[str]) -> Light:
    """Return what an LED can show of `light` with the triggers that there are: lit where it cannot blink."""
    return light if light.trigger in available or light.trigger is Trigger.NONE else LIT
