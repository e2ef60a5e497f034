"""The last program of a reset: `python3 -I -S …/controllers/block/wipe_main.pyc PLAN`.

PID 1 runs it when every service has ended and everything is unmounted, and powers off or reboots when it ends or its time is
over, whatever happened here. What it does goes to the console, where its standard output is.
"""

import sys
import time


def main(path: str) -> int:
    """Carry out the plan in a file; 0 when everything was destroyed."""
    root = __file__.rpartition("/controllers/")[0]
    sys.path[:0] = [root]
    from controllers.block.wipe import carry_out
    from controllers.block.wipe_plan import FILE_LIMIT, WipePlanError, parse_plan
    from controllers.block.wipe_record import RecordKeeper

    def say(text: str) -> None:
        sys.stdout.write(f"reset: {text}\n")
        sys.stdout.flush()

    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - one import less when the machine is about to end
            plan = parse_plan(file.read(FILE_LIMIT))
    except (OSError, UnicodeError, WipePlanError) as error:
        say(f"nothing was destroyed: {path}: {error}")
        return 1
    outcome = carry_out(plan, time.monotonic, say, RecordKeeper(plan.record, say))
    say(f"done: {outcome.describe()}")
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
