"""LEDs of a made-up sysfs: they blink, show the boot, and are given back, also by another brain."""

from pathlib import Path
from typing import Any

import pytest

from controllers.hardware.announcements import Announcements
from controllers.hardware.led_port import KEPT_LIMIT, Former, LedPort
from controllers.hardware.leds_apply import LedsApplyController
from controllers.ports import Paths, Ports
from controllers.resources.hardware import DeviceModule, IdentifyRequest, LedStatus, SystemInformation
from controllers.resources.machine import MachineStage, MachineStatus, PlatformInfo, Stage
from controllers.runtime.controller import make_view
from controllers.runtime.resource import Resource, new

ALL = ("none", "mmc0", "timer", "heartbeat", "default-on")


class Machine:
    """A sysfs whose kernel side is played after every reconcile."""

    def __init__(self, root: Path, product: str = "Raspberry Pi 4 Model B Rev 1.4") -> None:
        self.ports = Ports(paths=Paths(root))
        self.leds = self.ports.paths.sys / "class/leds"
        self.triggers: tuple[str, ...] = ALL
        self.product = product
        self.stage = Stage.STARTING
        self.until = 0.0
        self.wake: float | None = None
        self.start_brain()

    def start_brain(self) -> None:
        self.controller = LedsApplyController(self.ports, Announcements())

    def add(self, name: str, trigger: str = "mmc0", brightness: int = 0) -> None:
        led = self.leds / name
        led.mkdir(parents=True)
        (led / "trigger").write_text(trigger)
        (led / "brightness").write_text(f"{brightness}\n")
        (led / "max_brightness").write_text("255\n")
        self.play()

    def play(self) -> None:
        """Show the trigger that was written as the kernel does: all of them, the one in brackets."""
        for led in self.leds.iterdir():
            words = (led / "trigger").read_text().split()
            now = next((word for word in words if word.startswith("[")), words[0]).strip("[]")
            every = dict.fromkeys((*self.triggers, now))
            (led / "trigger").write_text(" ".join(f"[{one}]" if one == now else one for one in every) + "\n")

    def run(self, now: float = 1000.0, platform: str = "metal") -> dict[str, LedStatus]:
        given: list[Resource[Any]] = [
            new("platform", PlatformInfo(platform=platform)),
            new("system", SystemInformation(product=self.product)),
            new("machine", MachineStage(stage=self.stage)),
            new("machine", MachineStatus(stage=self.stage, ready=self.stage is Stage.RUNNING)),
            *([new("identify", IdentifyRequest(until=self.until))] if self.until else []),
        ]
        view = make_view(self.controller, given, [], now)
        wanted = list(self.controller.reconcile(view))
        self.wake = view.wake_seconds
        self.modules = [one.id for one in wanted if isinstance(one.spec, DeviceModule)]
        self.play()
        return {one.id: one.spec for one in wanted if isinstance(one.spec, LedStatus)}

    def of(self, name: str) -> Former:
        return LedPort(self.leds, Path("/none")).former(name)


@pytest.fixture
def pi(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.add("ACT")
    machine.add("PWR", "default-on", 255)
    return machine


def test_the_state_of_the_boot(pi: Machine) -> None:
    found = pi.run()
    assert (found["ACT"].shows, found["PWR"].shows) == ("state", "")
    assert pi.of("ACT").trigger == "heartbeat"
    assert pi.of("PWR") == Former("default-on", 255), "not ours"
    pi.stage = Stage.MAINTENANCE
    pi.run()
    assert pi.of("ACT") == Former("timer", 0, 1000, 1000)
    pi.stage = Stage.RUNNING
    pi.run()
    assert pi.of("ACT") == Former("none", 255)
    assert pi.modules == ["ledtrig_timer", "ledtrig_heartbeat"]


def test_identify_and_back(pi: Machine) -> None:
    pi.stage = Stage.RUNNING
    pi.run()
    pi.until = 1060.0
    found = pi.run()
    assert pi.wake == 60.0
    assert {name: one.shows for name, one in found.items()} == {"ACT": "identify", "PWR": "identify"}
    assert pi.of("PWR") == Former("timer", 255, 125, 125)
    pi.run(now=1060.0)
    assert pi.of("PWR").trigger == "default-on"
    assert pi.of("ACT") == Former("none", 255), "the state again"


def test_a_new_brain_gives_back_what_the_old_one_took(pi: Machine) -> None:
    pi.until = 1060.0
    pi.run()
    pi.until = 0.0  # requests live in memory
    pi.start_brain()
    pi.run()
    assert pi.of("PWR").trigger == "default-on"
    pi.product = "a board that shows nothing"
    pi.start_brain()
    pi.run()
    assert pi.of("ACT").trigger == "mmc0", "what it was before the first brain"
    assert LedPort(pi.leds, pi.ports.paths.run / "leds.json").load() == {}


def test_a_server_and_its_brightness(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "PowerEdge")
    machine.add("chassis:blue:locate", "none", 7)
    machine.add("eno1:green:lan", "none", 3)
    assert not [one for one in machine.run().values() if one.shows]
    machine.until = 1005.0
    machine.run()
    assert machine.of("chassis:blue:locate").trigger == "timer"
    machine.run(now=1006.0)
    assert machine.of("chassis:blue:locate") == Former("none", 7)
    assert machine.of("eno1:green:lan") == Former("none", 3)


def test_a_timer_of_somebody_else_comes_back_with_its_delays(pi: Machine) -> None:
    pi.add("chassis::uid", "timer")
    for name, value in (("delay_on", 40), ("delay_off", 960)):
        (pi.leds / "chassis::uid" / name).write_text(f"{value}\n")
    pi.until = 1005.0
    pi.run()
    assert pi.of("chassis::uid") == Former("timer", 0, 125, 125)
    pi.run(now=1005.0)
    assert pi.of("chassis::uid") == Former("timer", 0, 40, 960)


def test_without_a_timer_it_is_switched_by_hand_until_there_is_one(pi: Machine) -> None:
    pi.triggers = ("none", "mmc0")
    pi.play()
    pi.stage = Stage.MAINTENANCE
    pi.run()
    assert pi.of("ACT") == Former("none", 255), "lit, for want of a blink"
    assert not pi.wake, "nobody looks: no reason to be awake"
    pi.until = 1060.0
    seen = []
    for step in range(4):
        pi.run(now=1000.0 + step / 4)
        assert pi.wake == 0.25
        seen.append(pi.of("PWR").brightness)
    assert seen == [0, 255, 0, 255]
    pi.triggers = ALL
    pi.play()
    pi.run(now=1001.0)
    assert pi.of("PWR").trigger == "timer"


def test_an_led_that_refuses_is_named_and_the_others_blink(pi: Machine) -> None:
    (pi.leds / "PWR/trigger").unlink()
    (pi.leds / "PWR/trigger").mkdir()
    pi.until = 1060.0
    pi.play = lambda: None  # type: ignore[method-assign]  # the kernel's side of such an LED cannot be played
    found = pi.run()
    assert "PWR/trigger: Is a directory" in found["PWR"].error
    assert found["ACT"].error == ""


def test_one_that_was_pulled_out_is_forgotten(pi: Machine) -> None:
    pi.run()
    for file in (pi.leds / "ACT").iterdir():
        file.unlink()
    (pi.leds / "ACT").rmdir()
    assert set(pi.run()) == {"PWR"}
    pi.add("ACT", "none")
    pi.run()
    assert pi.of("ACT").trigger == "heartbeat"


def test_in_namespaces_they_are_the_hosts(pi: Machine) -> None:
    assert pi.run(platform="namespaces") == {}
    assert pi.of("ACT").trigger == "mmc0"


@pytest.mark.parametrize("text", ["", "[]", '{"../x": {"trigger": "none"}}', '{"ACT": {"trigger": "a b"}}', "x" * KEPT_LIMIT])
def test_what_is_kept_is_not_believed_blindly(tmp_path: Path, text: str) -> None:
    (tmp_path / "kept").write_text(text)
    assert LedPort(tmp_path, tmp_path / "kept").load() == {}


def test_no_leds_at_all(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.leds.mkdir(parents=True)
    assert machine.run() == {}
    assert machine.modules == []
