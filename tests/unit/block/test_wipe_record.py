"""What the last program notes in META: how far it is; and at the end nothing of it is left there, in neither copy."""

import json
from pathlib import Path

import pytest

from controllers.block.wipe_record import KEY, RecordKeeper
from init.linux.meta import COPIES, parse_copy, read_meta, write_meta


@pytest.fixture
def meta(tmp_path: Path) -> Path:
    """META with a record and something of the user."""
    path = tmp_path / "meta"
    path.write_bytes(bytes(1 << 20))
    write_meta(str(path), {"user.rack": "seven", KEY: json.dumps({"request": "one", "done": {"a": 1}})})
    return path


def read(meta: Path) -> dict[str, object]:
    found = json.loads(read_meta(str(meta)).values[KEY])
    assert isinstance(found, dict)
    return found


def test_how_far_it_is(meta: Path) -> None:
    said: list[str] = []
    keeper = RecordKeeper(str(meta), said.append)
    keeper.begin("erase all of STATE")
    assert read(meta) == {"request": "one", "done": {"a": 1}, "stage": "destroying", "step": "erase all of STATE"}
    keeper.erased("b", 7)
    keeper.erased("", 9)
    assert read(meta)["done"] == {"a": 1, "b": 7}
    keeper.fail(["x" * 1000, *"abcdefgh"])
    assert read(meta)["stage"] == "incomplete"
    assert read(meta)["problems"] == ["x" * 160, "a", "b", "c"]
    assert said == []


def test_at_the_end_neither_copy_has_it(meta: Path) -> None:
    keeper = RecordKeeper(str(meta), print)
    keeper.drop()
    keeper.begin("nothing is written after it")
    data = meta.read_bytes()
    copies = [parse_copy(data[place:]) for place in COPIES]
    assert [copy.values for copy in copies if copy] == [{"user.rack": "seven"}] * 2


def test_a_closed_one_writes_nothing(meta: Path) -> None:
    keeper = RecordKeeper(str(meta), print)
    length = keeper.close()
    before = meta.read_bytes()
    assert parse_copy(before[:length])
    assert not parse_copy(before[: length - 1])
    assert [copy.values.keys() for place in COPIES if (copy := parse_copy(before[place:]))] == [{KEY}] * 2
    keeper.begin("erase all of META")
    keeper.fail(["no"])
    keeper.drop()
    assert meta.read_bytes() == before


@pytest.mark.parametrize("text", ["", "[]", "7", '{"done": 7}', "[" * 100_000])
def test_a_record_that_is_broken_is_said_once_and_keeps_nobody_from_destroying(meta: Path, text: str) -> None:
    if len(text) < 60_000:
        write_meta(str(meta), {KEY: text})
    else:
        meta.unlink()
    said: list[str] = []
    keeper = RecordKeeper(str(meta), said.append)
    keeper.erased("a", 1)
    keeper.erased("a", 2)
    assert len(said) == 1
    assert "cannot be noted" in said[0]


def test_without_one_nothing_happens() -> None:
    keeper = RecordKeeper("", print)
    keeper.begin("x")
    keeper.drop()
