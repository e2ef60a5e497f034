"""Is the new version as well as the old one was, and how far did its boot come? Pure.

Both answers come from `MachineStatus` alone: what it names as unmet is compared by name with what it named before the
upgrade. The stages of a boot are in order of dependency, so the first unmet one says where a version failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from controllers.resources.lifecycle import Verdict
from controllers.resources.machine import Blocker, MachineStatus, Stage

STAGES = ("brain", "configuration", "network", "etcd", "kubelet", "ready")
"""How far a boot came. A worker has no etcd and passes that stage with the network."""

SETTLE = 10.0
"""Seconds that a version must stay healthy, before patience: one that falls over at once has not proved itself."""

SHOWN = 3
"""So many reasons are named."""


class Judgement(NamedTuple):
    """What the facts show. `missing`: the stage that is waited for; `reason`: what is less healthy than before."""

    verdict: Verdict
    stage: str
    missing: str
    reason: str


def find_worse(baseline: Iterable[str], status: MachineStatus) -> tuple[Blocker, ...]:
    """Return what is unmet now and was met when the upgrade began."""
    before = frozenset(baseline)
    return tuple(blocker for blocker in status.unmet if blocker.name not in before)


def find_stage(baseline: Iterable[str], status: MachineStatus | None) -> str:
    """Return the last stage of the boot with which all before it are reached, too."""
    if status is None or status.stage in (Stage.BOOTING, Stage.SHUTTING_DOWN):
        return STAGES[0]
    worse = {blocker.name for blocker in find_worse(baseline, status)}
    reached = STAGES[0]
    for stage in STAGES[1:]:
        if stage in worse or (stage == STAGES[-1] and worse):
            break
        reached = stage
    return reached


def further(one: str, other: str) -> str:
    """Return the later of two stages; a text that is none comes before all."""
    return max(one, other, key=lambda stage: STAGES.index(stage) if stage in STAGES else -1)


def next_stage(stage: str) -> str:
    """Return the stage after one, the last one after itself: where a boot that came this far and no further has ended."""
    index = STAGES.index(stage) if stage in STAGES else -1
    return STAGES[min(index + 1, len(STAGES) - 1)]


def describe(blockers: tuple[Blocker, ...]) -> str:
    """Return the first reasons on one line."""
    more = f" (and {len(blockers) - SHOWN} more)" if len(blockers) > SHOWN else ""
    return "; ".join(f"{one.name}: {one.reason}" for one in blockers[:SHOWN]) + more


class Trial(NamedTuple):
    """What a judgement needs, all in seconds. `healthy_for`: since when it has been healthy without a break, None if it
    is not; `left`: of the window; `settle`: how long it must stay healthy.
    """

    healthy_for: float | None
    left: float
    settle: float


def judge(baseline: Iterable[str], status: MachineStatus | None, trial: Trial) -> Judgement:
    """Return the verdict on a version under trial. In: what was unmet before, and the machine's status now."""
    stage = find_stage(baseline, status)
    if is_healthy(baseline, status):
        settled = trial.left <= 0 or (trial.healthy_for is not None and trial.healthy_for >= trial.settle)
        if settled:
            return Judgement(Verdict.HEALTHY, stage, "", "")
        return Judgement(Verdict.PENDING, stage, stage, "it is healthy and must stay so for a moment")
    worse = find_worse(baseline, status) if status else ()
    reason = describe(worse) or "the machine has not said how it is"
    return Judgement(Verdict.PENDING if trial.left > 0 else Verdict.FAILED, stage, next_stage(stage), reason)


def is_healthy(baseline: Iterable[str], status: MachineStatus | None) -> bool:
    """Return whether nothing is unmet that was met before. A machine that goes down says nothing about its health."""
    if status is None or status.stage not in (Stage.STARTING, Stage.RUNNING):
        return False
    return not find_worse(baseline, status)
