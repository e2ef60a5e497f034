"""Which LED shows what."""

import itertools

import pytest

from controllers.hardware.led_lights import (
    BEATING,
    IDENTIFY,
    LIT,
    QUICKLY,
    SLOWLY,
    STAGES,
    function_of,
    is_locating,
    plan_lights,
    substitute,
)
from controllers.resources.machine import Stage

PI = ("ACT", "PWR", "mmc0::", "eth0-0:green:lan")
SERVER = ("pca955x:blue:locate", "nic:green:lan", "input3::capslock")


def test_every_stage_has_a_light() -> None:
    assert set(STAGES) == set(Stage)


@pytest.mark.parametrize(
    ("stage", "ready", "light"),
    [
        (Stage.BOOTING, False, BEATING),
        (Stage.MAINTENANCE, False, SLOWLY),
        (Stage.STARTING, False, BEATING),
        (Stage.RUNNING, True, LIT),
        (Stage.RUNNING, False, BEATING),
        (Stage.SHUTTING_DOWN, False, QUICKLY),
    ],
)
def test_the_activity_led_of_a_pi_shows_the_boot(stage: Stage, ready: bool, light: object) -> None:
    assert plan_lights(PI, raspberry=True, identify=False, stage=stage, ready=ready) == {"ACT": light}


def test_identification_comes_first_and_takes_the_power_led_too() -> None:
    found = plan_lights(PI, raspberry=True, identify=True, stage=Stage.RUNNING, ready=True)
    assert found == {"ACT": IDENTIFY, "PWR": IDENTIFY}


def test_a_server_shows_no_state_and_is_found_by_its_locating_led() -> None:
    for stage, ready in itertools.product((*Stage, None), (True, False)):
        assert plan_lights(SERVER, raspberry=False, identify=False, stage=stage, ready=ready) == {}
        assert plan_lights(SERVER, raspberry=False, identify=True, stage=stage, ready=ready) == {SERVER[0]: IDENTIFY}


def test_nothing_is_shown_before_the_stage_is_known() -> None:
    assert plan_lights(PI, raspberry=True, identify=False, stage=None, ready=False) == {}


@pytest.mark.parametrize(
    ("name", "function"),
    [("a:blue:locate-1", "locate"), ("ACT", "act"), ("green:activity_2", "activity"), ("x::", ""), ("led0", "led0")],
)
def test_functions(name: str, function: str) -> None:
    assert function_of(name) == function


def test_what_is_for_locating() -> None:
    assert is_locating("chassis:blue:uid", raspberry=False)
    assert not is_locating("ACT", raspberry=False)
    assert is_locating("led1", raspberry=True)
    assert not is_locating("mmc0::", raspberry=True)


def test_without_the_trigger_it_is_lit() -> None:
    assert substitute(IDENTIFY, {"none", "timer"}) == IDENTIFY
    assert substitute(IDENTIFY, {"none", "mmc0"}) == LIT
    assert substitute(LIT, set()) == LIT
