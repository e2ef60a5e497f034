"""Every pair of stages."""

from itertools import product

import pytest

from controllers.machine.stage import next_stage, wanted_stage
from controllers.machine.transitions import ALLOWED, is_allowed
from controllers.resources.machine import Stage

FORWARD = {
    ("booting", "maintenance"),
    ("booting", "starting"),
    ("booting", "shutting-down"),
    ("maintenance", "starting"),
    ("maintenance", "shutting-down"),
    ("starting", "running"),
    ("starting", "shutting-down"),
    ("running", "shutting-down"),
}


@pytest.mark.parametrize(("before", "after"), list(product(Stage, Stage)))
def test_every_pair(before: Stage, after: Stage) -> None:
    assert is_allowed(before, after) is (before == after or (before.value, after.value) in FORWARD)


def test_the_table_knows_every_stage() -> None:
    assert set(ALLOWED) == set(Stage)


@pytest.mark.parametrize(("before", "wanted"), list(product(Stage, Stage)))
def test_what_is_taken_is_always_allowed(before: Stage, wanted: Stage) -> None:
    taken = next_stage(before, wanted)
    assert is_allowed(before, taken)
    assert taken in (before, wanted, Stage.STARTING)


def test_a_configured_node_never_goes_back_to_maintenance() -> None:
    for before in (Stage.STARTING, Stage.RUNNING, Stage.SHUTTING_DOWN):
        assert next_stage(before, Stage.MAINTENANCE) is before
    assert next_stage(Stage.BOOTING, Stage.RUNNING) is Stage.STARTING, "a restarted brain passes through"


@pytest.mark.parametrize(
    ("facts", "stage"),
    [
        ((False, False, False, False), Stage.BOOTING),
        ((True, False, False, False), Stage.MAINTENANCE),
        ((True, True, False, False), Stage.STARTING),
        ((True, True, True, False), Stage.RUNNING),
        ((True, True, True, True), Stage.SHUTTING_DOWN),
        ((False, False, False, True), Stage.SHUTTING_DOWN),
    ],
)
def test_what_the_facts_ask_for(facts: tuple[bool, bool, bool, bool], stage: Stage) -> None:
    assert wanted_stage(*facts) is stage
