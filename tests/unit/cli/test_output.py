"""Tables, sizes, durations."""

import click
import pytest

from api.cli.output import render_cell, render_data, render_size, render_table
from api.cli.progress import Duration


def test_table() -> None:
    rows = [("eth0", True, ["a", "b"]), ("a-long-name", None, [])]
    assert render_table(("NAME", "UP", "ADDRESSES"), rows) == (
        "NAME          UP     ADDRESSES\n"  #
        "eth0          true   a,b\n"
        "a-long-name"
    )


def test_empty_table_is_its_head() -> None:
    assert render_table(("A", "B"), []) == "A   B"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "true"), (0, "0"), ([1, 2], "1,2"), ({"a": False}, "a=false"), ("two\nlines", "two lines")],
)
def test_cell(value: object, text: str) -> None:
    assert render_cell(value) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (150 << 20, "150 MiB"), (3 << 30, "3.0 GiB"), (5000 << 40, "5000 TiB")],
)
def test_size(size: int, text: str) -> None:
    assert render_size(size) == text


def test_data() -> None:
    assert render_data({"a": [1]}, "json") == '{\n  "a": [\n    1\n  ]\n}'
    assert render_data({"a": [1]}, "yaml") == "a:\n  - 1"


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("0", 0), (5.0, 5)])
def test_duration(text: object, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "abc", "-1", "1w", "nan", "9999h"])
def test_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Duration().convert(text, None, None)
