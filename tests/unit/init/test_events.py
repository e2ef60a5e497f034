"""The event loop: timers on a fake clock, descriptors, and what a raising callback does."""

import os
from functools import partial

import pytest

from init.events import READ, EventLoop
from init.linux.kmsg import Log


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def loop(clock: Clock) -> EventLoop:
    return EventLoop(Log(2, plain=True), clock)


def test_timers_run_in_order_when_due(loop: EventLoop, clock: Clock) -> None:
    seen: list[str] = []
    loop.later(2, partial(seen.append, "two"))
    loop.later(1, partial(seen.append, "one"))
    loop.later(1, partial(seen.append, "never")).cancel()
    loop.turn(0)
    assert seen == []
    clock.now += 2
    loop.turn(0)
    assert seen == ["one", "two"]


def test_a_raising_callback_is_logged_and_the_next_one_runs(loop: EventLoop, capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def explode() -> None:
        raise ValueError("boom")

    loop.later(0, explode)
    loop.later(0, partial(seen.append, "after"))
    loop.turn(0)
    assert seen == ["after"]
    text = capfd.readouterr().err
    assert "ValueError" in text
    assert "boom" in text
    assert "explode:" in text


def test_descriptors_call_back_until_forgotten(loop: EventLoop) -> None:
    reader, writer = os.pipe()
    seen: list[bytes] = []
    loop.watch(reader, READ, lambda: seen.append(os.read(reader, 10)))
    os.write(writer, b"x")
    loop.turn(0)
    loop.turn(0)
    os.write(writer, b"y")
    loop.forget(reader)
    loop.forget(reader)
    loop.turn(0)
    assert seen == [b"x"]
    os.close(reader)
    os.close(writer)


def test_a_descriptor_that_an_earlier_callback_closed_is_left_alone(loop: EventLoop) -> None:
    pipes = [os.pipe(), os.pipe()]
    seen: list[int] = []

    def read(reader: int) -> None:
        seen.append(reader)
        for other, _ in pipes:
            loop.forget(other)

    for reader, writer in pipes:
        loop.watch(reader, READ, partial(read, reader))
        os.write(writer, b"x")
    loop.turn(0)
    assert len(seen) == 1
    for pair in pipes:
        for end in pair:
            os.close(end)
