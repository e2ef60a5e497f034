"""Every pair of states of an upgrade's record."""

from itertools import product

import pytest

from controllers.lifecycle.transitions import ALLOWED, ENDS, State, is_allowed

FORWARD = {
    (None, "preparing"),
    ("preparing", "trying"),
    ("preparing", "abandoned"),
    ("trying", "committed"),
    ("trying", "failed"),
    ("trying", "rolled-back"),
    ("trying", "abandoned"),
    ("failed", "rolled-back"),
    ("failed", "preparing"),
    ("committed", "preparing"),
    ("rolled-back", "preparing"),
    ("abandoned", "preparing"),
}


@pytest.mark.parametrize(("before", "after"), list(product([None, *State], State)))
def test_every_pair(before: State | None, after: State) -> None:
    allowed = before == after or (before.value if before else None, after.value) in FORWARD
    assert is_allowed(before, after) is allowed


def test_the_table_knows_every_state_and_every_end_can_be_reached() -> None:
    assert set(ALLOWED) == {None, *State}
    assert set().union(*ALLOWED.values()) == set(State)
    assert all(ALLOWED[end] == {State.PREPARING} for end in ENDS), "after an end only a new upgrade begins"
