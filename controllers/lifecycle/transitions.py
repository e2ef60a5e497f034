"""The life of an upgrade's record as a table: which state may follow which.

`preparing`: the old version fetches, checks, drains and writes. `trying`: from the moment before the boot entry is
written until the new version has proved itself. `failed`: the new version judged itself and is about to reboot. The
other three are ends: `committed`, `rolled-back` (the old version runs again) and `abandoned` (the new one was never
started).

Trap: a node may be killed between any two writes, so a boot may find any state; `decide.py` has an answer to each.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """State of the record in META."""

    PREPARING = "preparing"
    TRYING = "trying"
    FAILED = "failed"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled-back"
    ABANDONED = "abandoned"


ENDS = frozenset({State.COMMITTED, State.ROLLED_BACK, State.ABANDONED})

ALLOWED: dict[State | None, frozenset[State]] = {
    None: frozenset({State.PREPARING}),
    State.PREPARING: frozenset({State.TRYING, State.ABANDONED}),
    State.TRYING: frozenset({State.COMMITTED, State.FAILED, State.ROLLED_BACK, State.ABANDONED}),
    # The version that failed may be started again when no other one can be: then the next upgrade begins from there.
    State.FAILED: frozenset({State.ROLLED_BACK, State.PREPARING}),
    State.COMMITTED: frozenset({State.PREPARING}),
    State.ROLLED_BACK: frozenset({State.PREPARING}),
    State.ABANDONED: frozenset({State.PREPARING}),
}
"""None: there is no record yet."""


def is_allowed(before: State | None, after: State) -> bool:
    """Return whether `after` may follow `before`; staying is no transition and always allowed."""
    return before == after or after in ALLOWED[before]
