"""When PID 1 cannot go on: bring the disks to rest, leave the reason where people look, and start again.

Stage 1 shows why no root can be mounted; stage 2 also ends what runs and writes the reason to META, for the next boot to show.
Trap: what broke PID 1 may break this too, so the reboot needs nothing of it.
"""

import json
import time
from contextlib import suppress
from functools import partial
from typing import NoReturn

from init.linux.cmdline import CommandLine, Platform
from init.linux.kmsg import Log
from init.linux.power import PowerAction, power
from init.linux.watchdog import pet

REBOOT_AFTER = 30  # seconds that the reason stays on the console
KEY, REASON_LIMIT = "emergency", 1000  # of META; characters


def give_up(log: Log, reason: str, *, hold: bool, watchdog: int | None) -> NoReturn:
    """Show the reason and count down to a reboot; stay for ever where `hold` asks for it."""
    log.show()
    log.error("PID 1 cannot go on", reason=reason, then="hold" if hold else "reboot")
    left = REBOOT_AFTER
    while hold or left > 0:
        if not hold and left % 5 == 0:
            log.error("reboot", seconds=left)
        pet(watchdog)
        time.sleep(1)
        left -= 1
    power(PowerAction.REBOOT)
    raise SystemExit(1)


def leave(log: Log, cmdline: CommandLine, watchdog: int | None, error: BaseException) -> NoReturn:
    """The end of stage 2 that nobody asked for."""
    reason = f"{type(error).__name__}: {error}"[:REASON_LIMIT]
    with suppress(Exception):
        from init.shutdown import Step, plan_end, run_plan
        from init.supervisor import Settings

        log.exception("PID 1", error)  # noqa: LOG004 - our own, which takes the error
        settings = Settings(cmdline.patience, cmdline.platform is Platform.NAMESPACES)
        run_plan((*plan_end(settings), Step("write the reason to META", partial(save, cmdline, reason), 10.0)), log, watchdog)
    give_up(log, reason, hold=cmdline.hold, watchdog=watchdog)


def save(cmdline: CommandLine, reason: str) -> None:
    """Write the reason to the META beside the root, where there is one; OSError when that fails."""
    from init.linux.meta import find_meta_partition, read_meta, write_meta

    place = find_meta_partition(cmdline.disk_root.partition_guid) if cmdline.disk_root else None
    if place:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        write_meta(place, {**read_meta(place).values, KEY: json.dumps({"reason": reason, "at": at})})
