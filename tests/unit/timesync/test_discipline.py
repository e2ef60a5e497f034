"""What is done about an offset."""

import pytest

from controllers.timesync.discipline import Action, choose_sample, decide
from controllers.timesync.packet import Sample

BUILT = 1_700_000_000.0


def sample(offset: float, delay: float = 0.01, server_time: float = 1_800_000_000.0) -> Sample:
    return Sample(offset=offset, delay=delay, stratum=2, server_time=server_time)


@pytest.mark.parametrize(
    ("offset", "synced", "pending", "action"),
    [
        (0.0, False, None, Action.SLEW),
        (0.5, True, None, Action.SLEW),
        (-0.5, False, None, Action.SLEW),
        (0.51, False, None, Action.STEP),
        (-1e9, False, None, Action.STEP),
        (30.0, True, None, Action.WAIT),
        (30.0, True, 30.4, Action.STEP),
        (30.0, True, 90.0, Action.WAIT),
    ],
)
def test_decisions(offset: float, synced: bool, pending: float | None, action: Action) -> None:
    assert decide(sample(offset), BUILT, synced=synced, pending=pending).action is action


def test_time_before_the_build_is_refused() -> None:
    decision = decide(sample(0.0, server_time=BUILT - 1), BUILT, synced=False, pending=None)
    assert (decision.action, "before this image was built" in decision.reason) == (Action.REFUSE, True)


def test_a_liar_is_outvoted_and_the_nearest_server_followed() -> None:
    samples = [("liar", sample(5000.0, 0.001)), ("far", sample(1.0, 0.3)), ("near", sample(1.1, 0.02))]
    assert choose_sample(samples)[0] == "near"
    assert choose_sample([("only", sample(9.0))])[0] == "only"
