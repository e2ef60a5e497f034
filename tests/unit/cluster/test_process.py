"""A process is its pid and its start time."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from image.errors import ImageError
from image.process import Process, find_start_time


def test_it_is_started_found_again_and_stopped(tmp_path: Path) -> None:
    read, write = os.pipe()
    process = Process.start(["cat"], cwd=tmp_path, log=tmp_path / "log", stdin=read)
    os.close(read)
    try:
        again = Process.parse(process.render())
        assert again == process
        assert again.is_alive()
        again.stop()
        assert not process.is_alive()
    finally:
        os.close(write)


def test_a_reused_pid_is_somebody_else() -> None:
    started = find_start_time(os.getpid())
    assert started is not None
    own = Process(os.getpid(), started)
    assert own.is_alive()
    other = replace(own, started=started - 1)
    assert not other.is_alive()
    other.stop()  # must not end this test


def test_output_goes_to_the_log(tmp_path: Path) -> None:
    read, write = os.pipe()
    process = Process.start(["cat"], cwd=tmp_path, log=tmp_path / "log", stdin=read)
    os.close(read)
    os.write(write, b"words\n")
    os.close(write)
    assert process.wait(10)
    assert (tmp_path / "log").read_text() == "words\n"


def test_no_such_program(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no-such-program: No such file"):
        Process.start(["no-such-program"], cwd=tmp_path, log=tmp_path / "log")
