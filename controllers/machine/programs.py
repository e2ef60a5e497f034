"""The one way to run a program on the node: argv, time-out, bounded output, and both in the error.

There is no shell; `argv[0]` is an absolute path of the written list. Output is cut at `LIMIT`, so that no program can fill
the brain's memory.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

LIMIT = 64 * 1024
SHOWN = 2000


class ProgramError(Exception):
    """A program could not be started, failed or took too long; the text has argv, the outcome and the end of its output."""

    def __init__(self, argv: Sequence[str], outcome: str, output: str = "") -> None:
        tail = output.strip()[-SHOWN:]
        super().__init__(f"{' '.join(argv)}: {outcome}" + (f": {tail}" if tail else ""))
        self.argv = tuple(argv)
        self.outcome = outcome
        self.output = output


@dataclass(frozen=True, slots=True)
class Output:
    """What a program that succeeded wrote, standard output and error together."""

    text: str


async def run(
    argv: Sequence[str],
    timeout: float,  # noqa: ASYNC109 - the limit belongs to the program, not to the caller
    *,
    env: dict[str, str] | None = None,
    fds: Sequence[int] = (),
) -> Output:
    """Run a program to its end.

    In: `timeout` in seconds, patience included; `env`, its whole environment; `fds`, descriptors that it inherits under
    their numbers, for secrets, which must not be in argv. Raises `ProgramError`.
    """
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=null,
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT,
            env=env or {"PATH": "/usr/bin", "LC_ALL": "C"},
            pass_fds=fds,
        )
    except OSError as error:
        raise ProgramError(argv, error.strerror or str(error)) from error
    try:
        text = await asyncio.wait_for(_collect(process), timeout)
    except TimeoutError:
        raise ProgramError(argv, f"did not end within {timeout:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise ProgramError(argv, _outcome(process.returncode), text)
    return Output(text)


async def _collect(process: asyncio.subprocess.Process) -> str:
    """Return the program's output once it has ended, its middle left out when it is long."""
    assert process.stdout is not None
    kept = b""
    while data := await process.stdout.read(8192):
        kept = (kept + data)[-LIMIT:]
    await process.wait()
    return kept.decode("utf-8", "replace")


def _outcome(code: int) -> str:
    return f"ended with status {code}" if code > 0 else f"was killed by signal {-code}"
