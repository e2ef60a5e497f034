"""The life of a machine as a table: which stage may follow which.

A node never goes back to maintenance: once it had a complete configuration, strangers have no say any more.
"""

from __future__ import annotations

from controllers.resources.machine import Stage

ALLOWED: dict[Stage, frozenset[Stage]] = {
    Stage.BOOTING: frozenset({Stage.MAINTENANCE, Stage.STARTING, Stage.SHUTTING_DOWN}),
    Stage.MAINTENANCE: frozenset({Stage.STARTING, Stage.SHUTTING_DOWN}),
    Stage.STARTING: frozenset({Stage.RUNNING, Stage.SHUTTING_DOWN}),
    Stage.RUNNING: frozenset({Stage.SHUTTING_DOWN}),
    Stage.SHUTTING_DOWN: frozenset(),
}


def is_allowed(before: Stage, after: Stage) -> bool:
    """Return whether `after` may follow `before`; staying is no transition and always allowed."""
    return before == after or after in ALLOWED[before]
