"""The trial of a version: only while this boot is one, by boot time alone."""

from typing import Any

import pytest

from controllers.lifecycle.record import RECORD_KEY, UpgradeRecord, render_record
from controllers.lifecycle.transitions import State
from controllers.lifecycle.verify import TRIAL, VerifyController
from controllers.ports import Ports
from controllers.resources.lifecycle import TrialStatus, Verdict
from controllers.resources.machine import Blocker, MachineStatus, PlatformInfo, Stage
from controllers.resources.meta import MetaValue
from controllers.runtime.resource import Resource, new
from tests.harness.reconcile import run_reconcile
from tests.unit.lifecycle.machine import NEW, OLD


def given(state: State = State.TRYING, running: str = NEW, unmet: tuple[str, ...] = ()) -> list[Resource[Any]]:
    record = UpgradeRecord(state=state, root_hash=NEW, window=600.0, baseline=("node",))
    blockers = tuple(Blocker(name=name, reason="is missing") for name in unmet)
    return [
        new(RECORD_KEY, MetaValue(value=render_record(record))),
        new("platform", PlatformInfo(platform="metal", command_line=f"ophite.verity={running}:00:1")),
        new("machine", MachineStatus(stage=Stage.STARTING, ready=not unmet, unmet=blockers)),
    ]


def judge(resources: list[Resource[Any]], now: float, since: float | None = None) -> TrialStatus:
    own = [new(TRIAL, TrialStatus(verdict=Verdict.PENDING, healthy_since=since), owner="lifecycle.VerifyController")]
    [wanted] = run_reconcile(VerifyController(Ports()), resources, own=own, now=now)
    assert isinstance(wanted.spec, TrialStatus)
    return wanted.spec


@pytest.mark.parametrize("state", [state for state in State if state is not State.TRYING])
def test_there_is_no_trial_unless_the_record_says_so(state: State) -> None:
    assert run_reconcile(VerifyController(Ports()), given(state)) == []


def test_the_version_before_is_not_on_trial_nor_is_a_node_without_a_record() -> None:
    assert run_reconcile(VerifyController(Ports()), given(running=OLD)) == []
    assert run_reconcile(VerifyController(Ports()), given()[1:]) == []


def test_health_counts_from_when_it_began_and_a_break_begins_anew() -> None:
    assert judge(given(), 100.0).healthy_since == 100.0
    assert judge(given(), 105.0, since=100.0).verdict is Verdict.PENDING
    assert judge(given(), 110.0, since=100.0).verdict is Verdict.HEALTHY
    broken = judge(given(unmet=("etcd",)), 108.0, since=100.0)
    assert (broken.healthy_since, broken.verdict, broken.missing) == (None, Verdict.PENDING, "etcd")


def test_the_end_of_the_window_decides() -> None:
    assert judge(given(unmet=("etcd", "node")), 599.0).verdict is Verdict.PENDING
    failed = judge(given(unmet=("etcd", "node")), 600.0)
    assert (failed.verdict, failed.stage, failed.reason) == (Verdict.FAILED, "network", "etcd: is missing")
    assert judge(given(unmet=("node",)), 601.0).verdict is Verdict.HEALTHY, "the node was not ready before either"


def test_a_machine_that_has_not_said_how_it_is_fails_at_the_end() -> None:
    assert judge(given()[:2], 599.0).verdict is Verdict.PENDING
    assert judge(given()[:2], 600.0).verdict is Verdict.FAILED
