"""The deadline of a version on trial: only for the root that the record names, and only while it is on trial."""

import json
from typing import Any

import pytest

from init import trial
from init.events import EventLoop
from init.linux.dm import Verity
from init.linux.kmsg import Log
from init.linux.meta import Meta
from init.linux.power import PowerAction

ROOT = Verity("ab" * 32, "", 4)


class World:
    """META, a clock, and a supervisor that notes what it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.values, self.actions = 0.0, dict[str, str](), list[PowerAction]()
        self.loop = EventLoop(Log(2, plain=True), lambda: self.now)
        self.log, self.power, self.place = self.loop.log, self.actions.append, "/dev/vda6"
        monkeypatch.setattr(trial, "find_meta_partition", lambda guid: self.place)
        monkeypatch.setattr(trial, "read_meta", self.read)

    def read(self, path: str) -> Meta:
        if path == "broken":
            raise OSError(5, "Input/output error")
        return Meta(1, self.values)

    def record(self, **fields: object) -> None:
        self.values["upgrade"] = json.dumps({"state": "trying", "root_hash": ROOT.root_hash, "window": 600} | fields)

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.loop.turn(0)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Any:
    return World(monkeypatch)


def test_a_version_that_never_proves_itself_is_ended(world: Any) -> None:
    world.record()
    trial.watch(world, ROOT)
    world.advance(659)
    assert world.actions == []
    world.advance(2)
    assert world.actions == [PowerAction.REBOOT]


def test_a_version_that_has_proved_itself_is_left_alone(world: Any) -> None:
    world.record()
    trial.watch(world, ROOT)
    world.record(state="committed")
    world.advance(100000)
    assert world.actions == []


@pytest.mark.parametrize("fields", [{"state": "committed"}, {"state": "failed"}, {"root_hash": "cd" * 32}, {"root_hash": None}])
def test_other_records_set_no_deadline(world: Any, fields: dict[str, Any]) -> None:
    world.record(**fields)
    trial.watch(world, ROOT)
    world.record()
    world.advance(100000)
    assert world.actions == []


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 5000, "1"])
def test_a_record_that_is_none_sets_no_deadline(world: Any, text: str) -> None:
    world.values["upgrade"] = text
    assert trial.find_window(ROOT) is None


def test_without_meta_there_is_no_deadline(world: Any) -> None:
    assert trial.find_window(ROOT) is None
    world.place = None
    assert trial.find_window(ROOT) is None
    world.place = "broken"
    assert trial.find_window(ROOT) is None


@pytest.mark.parametrize(
    ("window", "seconds"),
    [(10, 10), (12.5, 12.5), (86400, 86400), (9, 900), (1e9, 900), (-1, 900), ("600", 900), (None, 900), (float("nan"), 900)],
)
def test_an_odd_window_becomes_the_usual_one(world: Any, window: object, seconds: float) -> None:
    world.record(window=window)
    assert trial.find_window(ROOT) == seconds
