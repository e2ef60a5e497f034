"""The life of a volume: every pair of phases."""

from itertools import product

import pytest

from controllers.block.volume_phases import ALLOWED, START, is_allowed
from controllers.resources.block import VolumePhase as Phase

NEVER = {
    (Phase.WAITING, Phase.PROVISIONED),
    (Phase.MISSING, Phase.PROVISIONED),
    (Phase.READY, Phase.PROVISIONED),
    (Phase.FAILED, Phase.PROVISIONED),
    (Phase.CLOSED, Phase.PROVISIONED),
    (Phase.CLOSED, Phase.READY),
    (Phase.PROVISIONED, Phase.MISSING),
}
"""Nothing is made before its place was found; what is closed has to be found anew; what was made is not missing."""


@pytest.mark.parametrize(("before", "after"), list(product(Phase, Phase)))
def test_every_pair(before: Phase, after: Phase) -> None:
    assert is_allowed(before, after) == ((before, after) not in NEVER)


def test_every_phase_can_be_left_and_reached() -> None:
    assert set(ALLOWED) == set(Phase)
    reached = {START}
    while more := {after for before in reached for after in ALLOWED[before]} - reached:
        reached |= more
    assert reached == set(Phase)
    for phase in Phase:
        assert is_allowed(phase, Phase.CLOSED), "whatever it does, its document may go away"
        assert is_allowed(phase, Phase.FAILED)
