"""The one way in which the image build runs a program."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from image.errors import CommandError, ImageError

SHOWN_OUTPUT = 4000  # characters of a failed program's output that are shown


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    timeout: float = 600.0,
) -> bytes:
    """Run `argv` without a shell and return its standard output.

    `env` is laid over the environment of this process, with `LC_ALL=C` and `TZ=UTC`. `timeout` is in seconds. Raises
    `CommandError` with argv and the end of the output when the program fails, and `ImageError` when there is none.
    """
    words = [str(word) for word in argv]
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC", **(env or {})}
    try:
        done = subprocess.run(
            words, cwd=cwd, env=environment, input=stdin or b"", capture_output=True, timeout=timeout, check=False
        )
    except FileNotFoundError as error:
        raise ImageError(
            f"{words[0]}: no such program",
            "install the packages listed in image/host-packages.txt",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{' '.join(words)}: not done after {timeout:g} s") from error
    if done.returncode != 0:
        output = (done.stdout + done.stderr).decode(errors="replace").strip()
        raise CommandError(f"{' '.join(words)}: exit status {done.returncode}\n{output[-SHOWN_OUTPUT:]}")
    return done.stdout


def find_program(name: str) -> str | None:
    """The path of a program of the build host, looked for in the system directories too, or None."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    return shutil.which(name, path=path)


def get_program(name: str) -> str:
    """Like `find_program`; raises `ImageError` when the host lacks it."""
    found = find_program(name)
    if found is None:
        raise ImageError(f"the program {name} is missing", "install the packages listed in image/host-packages.txt")
    return found
