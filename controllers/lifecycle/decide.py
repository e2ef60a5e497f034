"""What now? From the record in META and what this boot is, exactly one thing to do next. Pure.

Every boot, old version or new, may find any state of the record, because the power may go at any moment. Whether this boot
is the try is told by the root hash that the kernel was started with, so no clock and no boot loader variable is needed.
Trap: before the reboot a record that says `trying` is found by the old version, too; the boot's id tells the two apart.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from controllers.lifecycle.health import next_stage
from controllers.lifecycle.record import UpgradeRecord
from controllers.lifecycle.transitions import ENDS, State
from controllers.resources.lifecycle import SlotStatus, TrialStatus, UpgradeRequest, Verdict

INTERRUPTED = "the node was restarted meanwhile"
NEVER_REACHED = "it never reached the brain: it crashed, hung or was reset"
NO_ACCOUNT = (
    "it never reached the brain, or was never begun (this board's firmware does not say): it crashed, hung or was reset"
)
NOT_TRIED = "the boot loader never tried it: the node was restarted before its boot entry was written"
CAME_BACK = "it failed, and the boot loader started it again: the other slot could not be booted"
LOST = "META holds no record of the version that is being tried: it stays uncommitted, and the next boot takes the other slot"


class Move(StrEnum):
    """The next thing to do."""

    WAIT = "wait"
    PREPARE = "prepare"
    ARMED = "armed"
    REBOOT = "reboot"
    VERIFY = "verify"
    COMMIT = "commit"
    FAIL = "fail"
    ROLL_BACK = "roll back"
    ABANDON = "abandon"
    SERVE = "serve"


class Facts(NamedTuple):
    """What a decision depends on. `running_hash`: the root hash of this boot, "" where there is none."""

    record: UpgradeRecord | None
    request: UpgradeRequest | None
    running_hash: str
    boot_id: str
    slots: dict[str, SlotStatus]
    trial: TrialStatus | None

    @property
    def is_try(self) -> bool:
        """Whether this boot is the version that the record tries."""
        return self.record is not None and bool(self.running_hash) and self.running_hash == self.record.root_hash

    @property
    def is_new_request(self) -> bool:
        """Whether somebody asked for something that the record does not know yet."""
        return self.request is not None and (self.record is None or self.request.request != self.record.request)


class Decision(NamedTuple):
    """What to do; for moves that end something, where it ended (`step`) and why."""

    move: Move
    step: str = ""
    reason: str = ""


def decide(facts: Facts) -> Decision:
    """Return the next thing to do. An upgrade under preparation in this life of the brain is not asked about here."""
    record = facts.record
    if record is None:
        return _decide_without_record(facts)
    if record.state is State.PREPARING:
        return Decision(Move.ABANDON, record.step, record.reason or INTERRUPTED)
    if record.state is State.TRYING:
        return _decide_try(facts, record) if facts.is_try else _decide_tried(facts, record)
    if record.state is State.FAILED:
        return _decide_failed(facts, record)
    assert record.state in ENDS
    return Decision(Move.PREPARE if facts.is_new_request else Move.WAIT)


def _decide_without_record(facts: Facts) -> Decision:
    if facts.request is not None:
        return Decision(Move.PREPARE)
    running = next((slot for slot in facts.slots.values() if slot.running), None)
    if running is not None and running.tries is not None:
        return Decision(Move.SERVE, "record", LOST)
    return Decision(Move.WAIT)


def _decide_try(facts: Facts, record: UpgradeRecord) -> Decision:
    """The new version runs."""
    trial = facts.trial
    if trial is None or trial.verdict is Verdict.PENDING:
        return Decision(Move.VERIFY)
    if trial.verdict is Verdict.HEALTHY:
        return Decision(Move.COMMIT)
    return Decision(Move.FAIL, trial.missing, trial.reason)


def _decide_tried(facts: Facts, record: UpgradeRecord) -> Decision:
    """The old version runs and the record says that the new one is, or is about to be, tried."""
    if record.boot_id == facts.boot_id:
        if not record.staged:
            return Decision(Move.REBOOT)
        if facts.is_new_request:
            return Decision(Move.ABANDON, "armed", "another request took its place")
        return Decision(Move.ARMED)
    slot = facts.slots.get(record.slot)
    untried = slot is not None and (not slot.entry or slot.next)
    if untried and not record.stage:
        return Decision(Move.ABANDON, "armed", NOT_TRIED)
    if not record.stage:
        return Decision(Move.ROLL_BACK, "boot", NO_ACCOUNT if slot is not None and slot.argument else NEVER_REACHED)
    said = f"; it last waited for: {record.reason}" if record.reason else ""
    reason = f"it came as far as `{record.stage}` and ended without a word: it crashed, hung or was reset{said}"
    return Decision(Move.ROLL_BACK, next_stage(record.stage), reason)


def _decide_failed(facts: Facts, record: UpgradeRecord) -> Decision:
    if not facts.is_try:
        return Decision(Move.ROLL_BACK, record.step, record.reason)
    if record.boot_id == facts.boot_id:
        return Decision(Move.REBOOT)
    if facts.is_new_request:
        return Decision(Move.PREPARE)
    return Decision(Move.SERVE, record.step, f"{CAME_BACK}. {record.reason}".strip())
