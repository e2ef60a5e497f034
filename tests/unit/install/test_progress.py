"""How an installation goes, in numbers."""

from controllers.install.progress import Progress
from controllers.install.steps import MakeMeta, WriteRoot
from tests.harness.clock import FakeClock

STEPS = (MakeMeta("/dev/sda5", 1, weight=100), WriteRoot("/dev/sda", weight=300_000_000))


async def test_percent_is_by_weight_and_rate_of_the_root_image() -> None:
    clock = FakeClock()
    shown: list[int] = []
    said: list[str] = []
    progress = Progress(clock, lambda: shown.append(progress.percent), said.append)
    progress.plan(STEPS, STEPS[1])
    progress.begin(STEPS[0])
    progress.begin(STEPS[1])
    await clock.advance(2.0)
    progress.advance(0.5)
    assert (progress.percent, progress.rate) == (50, 75)
    assert progress.text == STEPS[1].describe() == said[-1]
    progress.end("done")
    assert (progress.percent, progress.text) == (100, "done")


async def test_small_changes_are_shown_twice_a_second() -> None:
    clock = FakeClock()
    shown: list[float] = []
    progress = Progress(clock, lambda: shown.append(clock.now()))
    progress.plan(STEPS)
    progress.begin(STEPS[1])
    for _ in range(100):
        await clock.advance(0.01)
        progress.advance(0.5)
    assert 2 <= len(shown) <= 4


def test_what_is_no_step_moves_no_percentage() -> None:
    progress = Progress(FakeClock(), lambda: None)
    progress.say("check the files")
    progress.advance(0.5)
    progress.note("check root.erofs", 0.25)
    assert (progress.percent, progress.text) == (0, "check root.erofs: 25 %")
