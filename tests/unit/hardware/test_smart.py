"""What smartctl's JSON and an eMMC say of a drive."""

import json
from pathlib import Path
from typing import Any

import pytest

from controllers.hardware.smart import parse_smart, read_emmc
from controllers.resources.hardware import DriveHealth
from tests.unit.hardware.fake_sysfs import make

ATA = {
    "smart_status": {"passed": True},
    "temperature": {"current": 34},
    "power_on_time": {"hours": 12345},
    "ata_smart_attributes": {
        "table": [
            {"id": 5, "name": "Reallocated_Sector_Ct", "value": 100, "raw": {"value": 8}},
            {"id": 197, "name": "Current_Pending_Sector", "value": 100, "raw": {"value": 2}},
            {"id": 233, "name": "Media_Wearout_Indicator", "value": 93, "raw": {"value": 0}},
        ]
    },
}
NVME = {
    "smart_status": {"passed": False},
    "temperature": {"current": 51},
    "power_on_time": {"hours": 7},
    "nvme_smart_health_information_log": {"percentage_used": 104, "media_errors": 3},
}


def test_ata() -> None:
    assert parse_smart(json.dumps(ATA)) == DriveHealth(
        passed=True, temperature=34, hours=12345, wear=7, reallocated=8, pending=2
    )


def test_nvme() -> None:
    text = "a warning of a library\n" + json.dumps(NVME)
    assert parse_smart(text) == DriveHealth(passed=False, temperature=51, hours=7, wear=104, media_errors=3)


def test_scsi() -> None:
    assert parse_smart('{"smart_status": {"passed": true}, "scsi_grown_defect_list": 4}') == DriveHealth(
        passed=True, reallocated=4
    )


def test_one_that_sleeps_is_not_judged() -> None:
    text = '{"smartctl": {"messages": [{"string": "Device is in STANDBY mode, exit(2)"}], "exit_status": 2}}'
    assert parse_smart(text) is None


def test_one_that_says_nothing_says_why() -> None:
    text = '{"smartctl": {"messages": [{"string": "Unable to detect device type\\u001b[2J"}]}}'
    assert parse_smart(text) == DriveHealth(error="Unable to detect device type?[2J")
    assert parse_smart("{}") == DriveHealth(error="the drive says nothing about itself")


@pytest.mark.parametrize(
    "data",
    [
        {"smart_status": {"passed": "yes"}, "temperature": {"current": "hot"}, "power_on_time": 5},
        {
            "smart_status": [],
            "temperature": {"current": True},
            "ata_smart_attributes": {"table": [1, None, {"id": 5, "raw": 3}]},
        },
        {"power_on_time": {"hours": 1 << 60}, "ata_smart_attributes": {"table": {"id": 5}}},
        {"smartctl": {"messages": "none"}, "nvme_smart_health_information_log": {"percentage_used": 1.5}},
    ],
)
def test_numbers_of_a_broken_device(data: dict[str, Any]) -> None:
    found = parse_smart(json.dumps(data))
    assert found is not None
    assert found == DriveHealth(error="the drive says nothing about itself")


@pytest.mark.parametrize("text", ["", "smartctl: not found", "{", "{]"])
def test_no_json(text: str) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        parse_smart(text)


@pytest.mark.parametrize(
    ("life", "end", "health"),
    [
        ("0x02 0x04", "0x01", DriveHealth(passed=True, wear=40)),
        ("0x0b 0x01", "0x03", DriveHealth(passed=False, wear=110)),
        ("0x01 0x00", "0x00", DriveHealth(wear=10)),
        ("", "", None),
        ("0xzz", "rubbish", None),
    ],
)
def test_emmc(tmp_path: Path, life: str, end: str, health: DriveHealth | None) -> None:
    make(tmp_path, {"device/life_time": life, "device/pre_eol_info": end})
    assert read_emmc(tmp_path) == health


def test_an_sd_card_says_nothing(tmp_path: Path) -> None:
    assert read_emmc(tmp_path) is None
