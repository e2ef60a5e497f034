"""Waiting: on a fake clock, with errors that heal and errors that do not."""

from collections.abc import Callable, Iterator

import pytest

from api.cli.waiting import NotReady, describe_status, wait_for
from api.client.errors import Expired, Refused, TimedOut, Unreachable


class FakeClock:
    """Sleeping is instant."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def script(*answers: str | Exception) -> Callable[[], str]:
    """Return a check that answers these in turn, the last one for ever."""

    def play() -> Iterator[str | Exception]:
        yield from answers
        while True:
            yield answers[-1]

    turns = play()

    def check() -> str:
        answer = next(turns)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return check


def test_waits_until_nothing_is_missing() -> None:
    clock, said = FakeClock(), list[str]()
    wait_for(script("a", Unreachable("b"), TimedOut("c"), Refused("unavailable", "d"), ""), 60, clock, said.append)
    assert said == ["a", "b", "c", "d"]
    assert clock.now() == 104


def test_gives_up_with_what_is_missing() -> None:
    clock = FakeClock()
    with pytest.raises(NotReady, match="not ready after 3 s: etcd") as error:
        wait_for(script("etcd"), 3, clock, lambda text: None)
    assert clock.now() == 103
    assert error.value.hint


def test_a_slow_node_is_asked_less_often() -> None:
    clock, looks = FakeClock(), list[float]()

    def check() -> str:
        looks.append(clock.now())
        clock.sleep(0.5)
        return "" if len(looks) == 3 else "etcd"

    wait_for(check, 60, clock, lambda text: None)
    assert looks == [100, 105.5, 111]


def test_zero_looks_once() -> None:
    clock = FakeClock()
    with pytest.raises(NotReady, match=r"^not ready: etcd"):
        wait_for(script("etcd", ""), 0, clock, lambda text: None)
    assert clock.now() == 100


@pytest.mark.parametrize("error", [Expired("over"), Refused("permission_denied", "no")])
def test_errors_that_time_does_not_heal_end_it(error: Exception) -> None:
    with pytest.raises(type(error)):
        wait_for(script(error, ""), 60, FakeClock(), lambda text: None)


def test_status_without_a_list_of_what_is_unmet() -> None:
    assert describe_status({"stage": "starting", "blocker": "time"}) == "starting: time"
    assert describe_status({"stage": "starting"}) == "starting: no reason given"
