"""The life of a volume as a table: which phase may follow which.

The way up is waiting → located → provisioned → ready; nothing is used whose place was not found first. READY follows WAITING
or FAILED directly only where a volume is found in use: the brain has restarted, or somebody else mounted it.
"""

from __future__ import annotations

from controllers.resources.block import VolumePhase as Phase

START = Phase.WAITING

ALLOWED: dict[Phase, frozenset[Phase]] = {
    Phase.WAITING: frozenset({Phase.MISSING, Phase.LOCATED, Phase.READY, Phase.FAILED, Phase.CLOSED}),
    Phase.MISSING: frozenset({Phase.WAITING, Phase.LOCATED, Phase.READY, Phase.FAILED, Phase.CLOSED}),
    Phase.LOCATED: frozenset({Phase.WAITING, Phase.MISSING, Phase.PROVISIONED, Phase.READY, Phase.FAILED, Phase.CLOSED}),
    Phase.PROVISIONED: frozenset({Phase.WAITING, Phase.LOCATED, Phase.READY, Phase.FAILED, Phase.CLOSED}),
    Phase.READY: frozenset({Phase.WAITING, Phase.MISSING, Phase.LOCATED, Phase.FAILED, Phase.CLOSED}),
    Phase.FAILED: frozenset({Phase.WAITING, Phase.MISSING, Phase.LOCATED, Phase.READY, Phase.CLOSED}),
    Phase.CLOSED: frozenset({Phase.WAITING, Phase.MISSING, Phase.LOCATED, Phase.FAILED}),
}


def is_allowed(before: Phase, after: Phase) -> bool:
    """Return whether `after` may follow `before`; staying is no transition and always allowed."""
    return before == after or after in ALLOWED[before]
