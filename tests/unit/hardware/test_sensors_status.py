"""Sensors of a made-up sysfs."""

from pathlib import Path

from controllers.hardware.announcements import Announcements
from controllers.hardware.sensors_status import MAX_SENSORS, SensorsStatusController, read_chips
from controllers.ports import Paths, Ports
from controllers.resources.hardware import Sensor
from controllers.runtime.controller import make_view
from tests.unit.hardware.fake_sysfs import make


def test_every_kind_with_its_unit(tmp_path: Path) -> None:
    files: dict[str, str | int] = {
        "name": "nct6775", "temp1_label": "CPU TIN", "temp1_input": 41500, "temp1_max": 80000, "temp1_crit": 95000,
        "temp1_min": -5000, "fan2_input": 1200, "fan2_alarm": 1, "in0_input": 1104, "curr1_input": 250,
        "power1_average": 35500000, "power1_cap": 65000000, "humidity1_input": 45000,
    }  # fmt: skip
    make(tmp_path / "hwmon0", files)
    assert read_chips(tmp_path) == {
        "nct6775/CPU-TIN": Sensor(kind="temperature", unit="°C", value=41.5, low=-5, high=80, critical=95),
        "nct6775/fan2": Sensor(kind="fan", unit="rpm", value=1200, alarm=True),
        "nct6775/in0": Sensor(kind="voltage", unit="V", value=1.104),
        "nct6775/curr1": Sensor(kind="current", unit="A", value=0.25),
        "nct6775/power1": Sensor(kind="power", unit="W", value=35.5, high=65),
        "nct6775/humidity1": Sensor(kind="humidity", unit="%", value=45),
    }


def test_two_chips_of_one_kind_and_two_sensors_of_one_name(tmp_path: Path) -> None:
    for number, device in enumerate(("nvme0", "nvme1")):
        (tmp_path / "devices" / device).mkdir(parents=True)
        make(tmp_path / f"hwmon/hwmon{number}", {
            "name": "nvme", "device": f"->../../devices/{device}",
            "temp1_input": 30000, "temp1_label": "Sensor", "temp2_input": 31000, "temp2_label": "Sensor",
        })  # fmt: skip
    names = ["nvme-nvme0/Sensor", "nvme-nvme0/Sensor-2", "nvme-nvme1/Sensor", "nvme-nvme1/Sensor-2"]
    assert list(read_chips(tmp_path / "hwmon")) == names


def test_what_cannot_be_read_or_is_no_number_is_left_out(tmp_path: Path) -> None:
    make(
        tmp_path,
        {"hwmon0/temp1_input": "warm", "hwmon0/temp2_input": "9" * 99, "hwmon0/temp3_input": 1000, "hwmon0/uevent": ""},
    )
    (tmp_path / "hwmon0/temp4_input").mkdir()
    assert set(read_chips(tmp_path)) == {"hwmon0/temp3"}


def test_a_chip_without_end(tmp_path: Path) -> None:
    make(tmp_path, {f"hwmon0/temp{number}_input": 1000 for number in range(1, MAX_SENSORS + 9)})
    assert len(read_chips(tmp_path)) == MAX_SENSORS


def test_measured_once_a_minute_and_never_where_there_is_nothing(tmp_path: Path) -> None:
    controller = SensorsStatusController(Ports(paths=Paths(tmp_path)), Announcements())
    view = make_view(controller, [], [], 1000.0)
    assert list(controller.reconcile(view)) == []
    assert view.wake_seconds is None
    make(tmp_path, {"sys/class/hwmon/hwmon0/temp1_input": 1000})
    view = make_view(controller, [], [], 1010.0)
    assert len(list(controller.reconcile(view))) == 1
    assert view.wake_seconds == 60.0
