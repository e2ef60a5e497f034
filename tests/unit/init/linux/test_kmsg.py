"""The lines that PID 1 writes."""

import os
from pathlib import Path

import pytest

from init.linux import kmsg
from init.linux.kmsg import LINE_LIMIT, Log, render_field


def written(log_text: str, **fields: object) -> list[bytes]:
    reader, writer = os.pipe()
    Log(writer).warning(log_text, **fields)
    os.close(writer)
    data = os.read(reader, 65536)
    os.close(reader)
    return data.splitlines()


def test_lines_have_level_name_and_fields() -> None:
    assert written("it failed", id="etcd", why="no such file", none="") == [
        b'<4>ophite: init: it failed id=etcd why="no such file" none=""'
    ]
    assert render_field("a", 'say "x"') == 'a="say "x""'


def test_long_and_multiple_lines_are_split() -> None:
    lines = written("a\n" + "x" * (LINE_LIMIT * 2 + 1))
    assert [len(line) - len("<4>ophite: init: ") for line in lines] == [1, LINE_LIMIT, LINE_LIMIT, 1]


def test_a_log_that_cannot_be_written_stops_nobody() -> None:
    Log(999).error("x")


def test_the_console_shows_more_except_where_it_belongs_to_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kmsg, "PRINTK", str(tmp_path / "printk"))
    Log(999, plain=True).show()
    assert not (tmp_path / "printk").exists()
    Log(999).show()
    assert (tmp_path / "printk").read_text() == "7"
    monkeypatch.setattr(kmsg, "PRINTK", str(tmp_path / "none/printk"))
    Log(999).show()
