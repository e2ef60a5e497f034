"""Small pieces of progress are not all shown, the first and the last are."""

from controllers.lifecycle.progress import INTERVAL, Progress
from controllers.resources.lifecycle import UpgradePhase
from tests.harness.clock import FakeClock


async def test_what_nobody_could_see_is_not_shown() -> None:
    clock, shown = FakeClock(), []
    progress = Progress(clock, lambda: shown.append((progress.step, progress.fraction)))
    progress.begin(UpgradePhase.WRITING, "write the other slot")
    for done in range(100):
        progress.say("root image", done / 100)
    assert shown == [("write the other slot", 0.0), ("root image", 0.0)]
    await clock.advance(INTERVAL)
    progress.say("root image", 0.995)
    progress.say("root image", 7.0)
    assert shown[2:] == [("root image", 0.995), ("root image", 1.0)]
    progress.end()
    assert (progress.phase, shown[-1]) == (None, ("", 0.0))
