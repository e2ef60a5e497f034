"""The kernel's messages."""

import os
from pathlib import Path
from typing import Any

import pytest

from controllers.machine import kernel_records
from controllers.machine.kernel_records import Record
from controllers.machine.operations.kernel_log import render_record
from controllers.runtime.errors import OperationError


def test_record() -> None:
    assert render_record(Record(4, 0, 17, 1234567, "text")) == {
        "priority": 4,
        "sequence": 17,
        "time_us": 1234567,
        "message": "text",
    }


def test_configuration_on_the_command_line_is_not_shown() -> None:
    text = render_record(Record(5, 0, 1, 0, "Command line: quiet ophite.config=c2VjcmV0 panic=0"))["message"]
    assert text == "Command line: quiet ophite.config=[redacted] panic=0"


async def test_stream_of_what_is_there(table: Any, take: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    os.write(writer, b"6,1,5000000,-;first\n")
    monkeypatch.setattr(kernel_records, "open_reader", lambda: reader)
    [record] = await take(table.stream("dmesg"), 9)
    assert (record["priority"], record["message"]) == (6, "first")
    os.close(writer)


async def test_stream_follows(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    monkeypatch.setattr(kernel_records, "open_reader", lambda: reader)
    stream = table.stream("dmesg", follow=True)
    for number in (1, 2):
        os.write(writer, b"6,%d,5000000,-;line\n" % number)
        assert (await anext(stream))["sequence"] == number
    await stream.aclose()
    os.close(writer)


async def test_log_that_cannot_be_read(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(kernel_records, "open_reader", refuse)
    with pytest.raises(OperationError, match="cannot be read") as refusal:
        await anext(table.stream("dmesg"))
    assert refusal.value.code == "unavailable"
