"""Running programs: output, failures, limits."""

import sys

import pytest

from controllers.machine.programs import LIMIT, ProgramError, run


async def test_output_of_both_streams() -> None:
    code = "import sys; print('out', flush=True); print('err', file=sys.stderr)"
    assert (await run([sys.executable, "-c", code], 30)).text == "out\nerr\n"


async def test_a_failure_has_argv_status_and_output() -> None:
    argv = [sys.executable, "-c", "print('no such disk'); raise SystemExit(3)"]
    with pytest.raises(ProgramError, match=r"ended with status 3: no such disk$") as caught:
        await run(argv, 30)
    assert caught.value.argv == tuple(argv)


async def test_a_program_that_is_not_there() -> None:
    with pytest.raises(ProgramError, match="/no/such/program: No such file or directory"):
        await run(["/no/such/program"], 30)


async def test_a_program_that_does_not_end_is_killed() -> None:
    with pytest.raises(ProgramError, match=r"did not end within 0\.2 s"):
        await run([sys.executable, "-c", "import signal; signal.pause()"], 0.2)


async def test_a_program_killed_by_a_signal() -> None:
    with pytest.raises(ProgramError, match="was killed by signal 9"):
        await run([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], 30)


async def test_output_is_bounded_and_the_end_is_kept() -> None:
    code = f"print('x' * {LIMIT * 2}); print('end')"
    text = (await run([sys.executable, "-c", code], 30)).text
    assert len(text) <= LIMIT
    assert text.endswith("end\n")
