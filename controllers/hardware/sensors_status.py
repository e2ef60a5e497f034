"""Sensors: /sys/class/hwmon → `Sensor` (Documentation/hwmon/sysfs-interface.rst).

Model: of every chip the files `temp1_input`, `fan2_input`, … with their label, limits and alarms, in thousandths of the unit
(power in millionths, fans in turns). Two chips of one kind get the name of their device behind theirs. Trap: a file of a sensor
that is not wired fails when it is read; it is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from controllers.block.sysfs import read_text
from controllers.hardware.look import Look
from controllers.hardware.pci_status import entries_of
from controllers.hardware.system_info import read_attribute
from controllers.resources.hardware import Sensor
from controllers.runtime.controller import Output, Wanted

MAX_CHIPS, MAX_SENSORS = 128, 64
_FILE = re.compile(r"(temp|fan|in|curr|power|humidity)(\d{1,3})_(?:input|average)")
_NUMBER = re.compile(r"-?\d{1,15}")


class Kind(NamedTuple):
    """What a kind of file measures, its unit and how many of the file's numbers make one of it."""

    name: str
    unit: str
    scale: int


KINDS = {
    "temp": Kind("temperature", "°C", 1000),
    "fan": Kind("fan", "rpm", 1),
    "in": Kind("voltage", "V", 1000),
    "curr": Kind("current", "A", 1000),
    "power": Kind("power", "W", 1_000_000),
    "humidity": Kind("humidity", "%", 1000),
}


def read_chip(chip: Path) -> Iterator[tuple[str, Sensor]]:
    """Yield name and contents of every sensor of a chip, at most 64."""
    files = sorted(path.name for path in entries_of(chip) if _FILE.fullmatch(path.name))
    for file in islice(dict.fromkeys(_stem(name) for name in files), MAX_SENSORS):
        kind = KINDS[file.rstrip("0123456789")]

        def read(*names: str, file: str = file, kind: Kind = kind) -> float | None:
            texts = (read_text(chip / f"{file}_{name}") for name in names)
            found = next((text for text in texts if _NUMBER.fullmatch(text)), None)
            return None if found is None else round(int(found) / kind.scale, 3)

        value = read("input", "average")
        if value is not None:
            alarms = (read_text(chip / f"{file}_{name}") for name in ("alarm", "max_alarm", "min_alarm", "crit_alarm", "fault"))
            sensor = Sensor(
                kind=kind.name,
                unit=kind.unit,
                value=value,
                low=read("min"),
                high=read("max", "cap"),
                critical=read("crit", "emergency"),
                alarm="1" in alarms,
            )
            yield read_attribute(chip / f"{file}_label") or file, sensor


def read_chips(root: Path) -> dict[str, Sensor]:
    """Return every sensor by chip/name."""
    chips = [(read_attribute(chip / "name") or chip.name, chip) for chip in entries_of(root)[:MAX_CHIPS]]
    several = {name for name, count in Counter(name for name, _ in chips).items() if count > 1}
    found: dict[str, Sensor] = {}
    for name, chip in chips:
        title = f"{name}-{_device_of(chip)}" if name in several else name
        for label, sensor in read_chip(chip):
            found[_free(f"{title}/{label}".replace(" ", "-"), found)] = sensor
    return found


def _stem(file: str) -> str:
    return file.partition("_")[0]


def _device_of(chip: Path) -> str:
    try:
        return (chip / "device").resolve(strict=True).name
    except OSError:
        return chip.name


def _free(name: str, taken: dict[str, Sensor]) -> str:
    """Return `name`, with a number behind it where it is taken."""
    numbered = (f"{name}-{number}" for number in range(2, MAX_SENSORS * MAX_CHIPS))
    return name if name not in taken else next(one for one in numbered if one not in taken)


class SensorsStatusController(Look):
    """Chips with sensors → `Sensor`."""

    name = "hardware.SensorsStatusController"
    outputs = (Output(Sensor),)
    subsystems = frozenset({"hwmon"})
    poll = 60.0

    def look(self, sys: Path) -> Iterable[Wanted]:
        """Yield what is measured now."""
        for name, sensor in read_chips(sys / "class/hwmon").items():
            yield Wanted(name, sensor)
