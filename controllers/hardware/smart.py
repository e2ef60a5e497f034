"""What smartctl says of a drive (`--json`, smartmontools 7), and what the kernel says of an eMMC. Pure, but for reading sysfs.

ATA drives have a table of attributes with numbers that every maker means a little differently; only those that all mean alike
are read. NVMe drives have one log, SCSI drives pages. Sources: smartctl(8) and its JSON output; NVM Express Base Specification,
SMART / Health Information; JEDEC JESD84-B51, DEVICE_LIFE_TIME_EST and PRE_EOL_INFO.
Trap: the numbers come from a device that may be broken, so nothing is believed to have a type or to be small.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from controllers.block.sysfs import read_text
from controllers.hardware.system_info import clean
from controllers.resources.hardware import DriveHealth

REALLOCATED, PENDING = 5, 197
LIFE_LEFT = (231, 233, 202, 177)
"""Attributes whose normalized value counts from 100 down to 0."""
HUGE = 1 << 48
ASLEEP = ("STANDBY", "SLEEP")


def parse_smart(text: str) -> DriveHealth | None:
    """Return what smartctl's JSON says; None for a drive that sleeps. Raises `ValueError` when it is no JSON."""
    try:
        data = msgspec.json.decode(text[text.index("{") :])
    except (ValueError, msgspec.DecodeError):
        raise ValueError(f"not JSON: {clean(text)}") from None
    messages = [clean(str(_get(one, "string"))) for one in _list(data, "smartctl", "messages")]
    if any(word in one for one in messages for word in ASLEEP):
        return None
    passed = _get(data, "smart_status", "passed")
    health = DriveHealth(
        passed=passed if isinstance(passed, bool) else None,
        temperature=_number(data, "temperature", "current"),
        hours=_number(data, "power_on_time", "hours"),
        wear=_wear(data),
        reallocated=_attribute(data, REALLOCATED) if _has_table(data) else _number(data, "scsi_grown_defect_list"),
        pending=_attribute(data, PENDING),
        media_errors=_number(data, "nvme_smart_health_information_log", "media_errors"),
    )
    says_something = health != DriveHealth()
    return health if says_something else DriveHealth(error="; ".join(messages)[:256] or "the drive says nothing about itself")


def read_emmc(disk: Path) -> DriveHealth | None:
    """Return the health of an eMMC whose directory in sysfs is given; None for anything else, SD cards included."""
    estimates = [int(word, 16) for word in read_text(disk / "device/life_time").split() if _is_hex(word)]
    known = [one for one in estimates if 1 <= one <= 0x0B]
    end = read_text(disk / "device/pre_eol_info")
    if not known and not _is_hex(end):
        return None
    return DriveHealth(
        passed=int(end, 16) != 3 if _is_hex(end) and int(end, 16) else None,
        wear=max(known) * 10 if known else None,
    )


def _wear(data: Any) -> int | None:
    for path in (("nvme_smart_health_information_log", "percentage_used"), ("endurance_used", "current_percent")):
        used = _number(data, *path)
        if used is not None:
            return used
    for number in LIFE_LEFT:
        row = _row(data, number)
        left = _number(row, "value")
        if left is not None and left <= 100:
            return 100 - left
    return None


def _attribute(data: Any, number: int) -> int | None:
    return _number(_row(data, number), "raw", "value")


def _row(data: Any, number: int) -> Any:
    rows = _list(data, "ata_smart_attributes", "table")
    return next((row for row in rows if _get(row, "id") == number), None)


def _has_table(data: Any) -> bool:
    return bool(_list(data, "ata_smart_attributes", "table"))


def _get(data: Any, *path: str) -> Any:
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def _list(data: Any, *path: str) -> list[Any]:
    found = _get(data, *path)
    return found[:256] if isinstance(found, list) else []


def _number(data: Any, *path: str) -> int | None:
    found = _get(data, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) and abs(found) < HUGE else None


def _is_hex(word: str) -> bool:
    return word.startswith("0x") and 3 <= len(word) <= 4 and all(char in "0123456789abcdefABCDEF" for char in word[2:])
