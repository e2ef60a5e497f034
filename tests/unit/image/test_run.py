"""Running programs: what they print, and how their failure is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from image.errors import CommandError, ImageError
from image.run import find_program, get_program, run


def test_output_input_and_environment(tmp_path: Path) -> None:
    script = "import os, sys; print(os.getcwd(), os.environ['X'], os.environ['TZ'], sys.stdin.read())"
    text = run([sys.executable, "-c", script], cwd=tmp_path, env={"X": "1"}, stdin=b"in").decode()
    assert text.split() == [str(tmp_path), "1", "UTC", "in"]


def test_a_failure_shows_argv_and_output() -> None:
    with pytest.raises(CommandError, match=r"exit status 3\nwhat was wrong"):
        run([sys.executable, "-c", "import sys; sys.stderr.write('what was wrong'); sys.exit(3)"])


def test_a_program_that_does_not_end() -> None:
    with pytest.raises(CommandError, match=r"not done after 0\.2 s"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.2)


def test_a_missing_program_says_where_to_look() -> None:
    with pytest.raises(ImageError, match=r"host-packages\.txt"):
        run(["no-such-program-here"])
    assert find_program("no-such-program-here") is None
    with pytest.raises(ImageError, match="the program no-such-program-here is missing"):
        get_program("no-such-program-here")
    assert get_program("cp").endswith("/cp")
