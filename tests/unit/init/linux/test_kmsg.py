"""Records of the kernel's log, and the lines that PID 1 writes."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from init.linux.kmsg import LINE_LIMIT, Log, Record, parse_record, render_field


def test_a_record_with_escapes_and_continuation_lines() -> None:
    data = b"30,339,5140900,-;ophite: caf\\xc3\\xa9 \\x5c end\n SUBSYSTEM=acpi\n DEVICE=+acpi:1\n"
    assert parse_record(data) == Record(level=6, facility=3, sequence=339, microseconds=5140900, text="ophite: café \\ end")
    assert parse_record(b"6,1,2,c,caller=T1;x\n") == Record(6, 0, 1, 2, "x")


@pytest.mark.parametrize("data", [b"", b"6,1;x", b"a,1,2,-;x", b"6,1,2,-", b"6,-1,2,-;x"])
def test_what_is_no_record(data: bytes) -> None:
    assert parse_record(data) is None


@given(st.binary(max_size=200))
def test_hostile_bytes(data: bytes) -> None:
    for line in (data, b"6,1,2,-;" + data):
        record = parse_record(line)
        assert record is None or record.level in range(8)


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
