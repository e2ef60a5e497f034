"""What people are shown of an upgrade: the step under way, else what the record says. Pure."""

from __future__ import annotations

from controllers.lifecycle.decide import Decision, Facts, Move
from controllers.lifecycle.health import next_stage
from controllers.lifecycle.progress import Progress
from controllers.lifecycle.record import UpgradeRecord
from controllers.lifecycle.transitions import State
from controllers.resources.lifecycle import UpgradePhase, UpgradeStatus

PHASES: dict[State, UpgradePhase] = {
    State.PREPARING: UpgradePhase.CHECKING,
    State.TRYING: UpgradePhase.VERIFYING,
    State.FAILED: UpgradePhase.VERIFYING,
    State.COMMITTED: UpgradePhase.COMMITTED,
    State.ROLLED_BACK: UpgradePhase.ROLLED_BACK,
    State.ABANDONED: UpgradePhase.FAILED,
}
"""Phase of a record that nobody is working on."""


def describe_upgrade(
    facts: Facts, decision: Decision, progress: Progress, record: UpgradeRecord | None
) -> UpgradeStatus | None:
    """Return the status, None when there is nothing to say.

    In: `record`, the one that is being prepared in this life of the brain, None when there is none.
    """
    if progress.phase is not None and record is not None:
        return _status(record, progress.phase, progress.step, progress.fraction)
    if decision.move is Move.SERVE:
        found = facts.record or UpgradeRecord(state=State.FAILED)
        return _status(found, UpgradePhase.FAILED, decision.step, error=decision.reason)
    if facts.record is None:
        return None
    if decision.move in (Move.ARMED, Move.REBOOT) and not facts.is_try:
        step = "waits for the next reboot" if decision.move is Move.ARMED else "reboots"
        return _status(facts.record, UpgradePhase.ARMED, step, 1.0)
    if decision.move is Move.VERIFY:
        return _verifying(facts, facts.record)
    return _status(facts.record, PHASES[facts.record.state], facts.record.step, error=facts.record.reason)


def _verifying(facts: Facts, record: UpgradeRecord) -> UpgradeStatus:
    trial = facts.trial
    if trial is None:
        return _status(record, UpgradePhase.VERIFYING, next_stage(record.stage))
    step = f"{trial.missing}: {trial.reason}" if trial.reason else trial.missing
    return _status(record, UpgradePhase.VERIFYING, step)


def _status(record: UpgradeRecord, phase: UpgradePhase, step: str, progress: float = 0.0, error: str = "") -> UpgradeStatus:
    return UpgradeStatus(
        phase=phase,
        request=record.request,
        step=step,
        progress=1.0 if phase is UpgradePhase.COMMITTED else progress,
        from_version=record.from_version,
        to_version=record.to_version,
        slot=record.slot,
        error=error,
    )
