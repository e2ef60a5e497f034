"""The deadline of a version on trial: a boot whose brain never starts must end, so that the version before comes back.

The record of the upgrade in META names the root that is tried; the version before has another, so it sets no deadline.
"""

import json
from functools import partial

from init.linux.dm import Verity
from init.linux.meta import find_meta_partition, read_meta
from init.linux.power import PowerAction
from init.supervisor import Supervisor

KEY = "upgrade"  # of META
SHORTEST, LONGEST, DEFAULT = 10, 86400, 900  # seconds of a window
GRACE = 60.0  # seconds that the brain has to judge by itself after its window is over


def find_window(root: Verity) -> float | None:
    """Seconds that this root has to prove itself; None when it is not on trial, or META cannot be read."""
    try:
        place = find_meta_partition(root.partition_guid)
        record = json.loads(read_meta(place).values.get(KEY, "{}")) if place else {}
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or (record.get("state"), record.get("root_hash")) != ("trying", root.root_hash):
        return None
    window = record.get("window")
    return window if isinstance(window, int | float) and SHORTEST <= window <= LONGEST else DEFAULT


def watch(supervisor: Supervisor, root: Verity, *, over: bool = False) -> None:
    """Set the deadline if this root is on trial; when it is `over` and the root still is, reboot."""
    window = find_window(root)
    if window is not None and over:
        supervisor.log.error("this version has not proved itself in time", then="reboot")
        supervisor.power(PowerAction.REBOOT)
    elif window is not None:
        supervisor.log.info("this version is on trial", seconds=window + GRACE)
        supervisor.loop.later(window + GRACE, partial(watch, supervisor, root, over=True))
