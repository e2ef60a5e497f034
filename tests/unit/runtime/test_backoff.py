"""Delays after failures."""

from hypothesis import given
from hypothesis import strategies as st

from controllers.runtime.backoff import FACTOR, FIRST_SECONDS, JITTER, LIMIT_SECONDS, Backoff


def test_delays_grow_from_half_a_second_to_a_minute_and_start_over() -> None:
    backoff = Backoff(lambda: 0.5)
    delays = [backoff.fail() for _ in range(15)]
    assert delays[:4] == [0.5, 0.75, 1.125, 1.6875]
    assert delays[-1] == 60.0
    assert backoff.failures == 15
    backoff.succeed()
    assert (backoff.failures, backoff.fail()) == (0, 0.5)


@given(st.integers(0, 200), st.floats(0, 1))
def test_jitter_stays_in_its_bounds(failures: int, drawn: float) -> None:
    backoff = Backoff(lambda: drawn)
    backoff.failures = failures
    delay = backoff.fail()
    exact = min(FIRST_SECONDS * FACTOR ** min(failures, 30), LIMIT_SECONDS)
    assert exact * (1 - JITTER) <= delay <= min(exact * (1 + JITTER), LIMIT_SECONDS) + 1e-9


def test_two_do_not_retry_together() -> None:
    first, second = Backoff(), Backoff()
    assert [first.fail() for _ in range(5)] != [second.fail() for _ in range(5)]
