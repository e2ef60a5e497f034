"""What to do about an offset: nothing, slew, step, or wait for a second opinion. Pure.

Near offsets are slewed, so that time never goes back under running programs; far ones are stepped. A far offset on a
clock that was right before is a spike until a second measurement says the same (clock ports can be wrong for once;
a network can be).
"""

from enum import StrEnum

from controllers.runtime.resource import Part
from controllers.timesync.packet import Sample

STEP_SECONDS = 0.5
"""Above this a clock is stepped; adjtime(3) takes no more."""
AGREE_SECONDS = 0.5
"""How far apart two measurements of one spike may be to believe it."""


class Action(StrEnum):
    """What to do."""

    SLEW = "slew"
    STEP = "step"
    WAIT = "wait"
    REFUSE = "refuse"


class Decision(Part, frozen=True, kw_only=True):
    """What to do, and why where that is not plain."""

    action: Action
    offset: float
    reason: str = ""


def choose_sample(samples: list[tuple[str, Sample]]) -> tuple[str, Sample]:
    """Return the server and sample to follow: of those that agree with the median, the one with the shortest delay."""
    ordered = sorted(sample.offset for _, sample in samples)
    median = ordered[len(ordered) // 2]
    near = [(server, sample) for server, sample in samples if abs(sample.offset - median) <= AGREE_SECONDS + sample.delay]
    return min(near, key=lambda entry: (entry[1].delay, entry[0]))


def decide(sample: Sample, built: float, *, synced: bool, pending: float | None) -> Decision:
    """Return what to do about a sample.

    In: `built`, seconds since the epoch before which no true time can be; `synced`: the clock was right before;
    `pending`: the offset of an unconfirmed spike, or None.
    """
    offset = sample.offset
    if sample.server_time < built:
        return Decision(action=Action.REFUSE, offset=offset, reason="the server's time is before this image was built")
    if abs(offset) <= STEP_SECONDS:
        return Decision(action=Action.SLEW, offset=offset)
    if synced and (pending is None or abs(pending - offset) > AGREE_SECONDS):
        return Decision(action=Action.WAIT, offset=offset, reason=f"a jump of {offset:.1f} s, to be confirmed")
    return Decision(action=Action.STEP, offset=offset)
