"""Is a version as well as the one before, and how far did its boot come?"""

import pytest

from controllers.lifecycle.health import STAGES, Trial, describe, find_stage, further, is_healthy, judge, next_stage
from controllers.resources.lifecycle import Verdict
from controllers.resources.machine import Blocker, MachineStatus, Stage


def status(*unmet: str, stage: Stage = Stage.STARTING) -> MachineStatus:
    return MachineStatus(stage=stage, ready=not unmet, unmet=tuple(Blocker(name=name, reason=f"no {name}") for name in unmet))


@pytest.mark.parametrize(
    ("unmet", "baseline", "stage"),
    [
        (("configuration",), (), "brain"),
        (("network", "time", "etcd", "kubelet"), (), "configuration"),
        (("time", "etcd", "kubelet", "node"), (), "network"),
        (("kubelet", "node"), (), "etcd"),
        (("node",), (), "kubelet"),
        ((), (), "ready"),
        (("node", "time"), ("node", "time", "etcd"), "ready"),
        (("network",), ("node",), "configuration"),
    ],
)
def test_the_stage_is_the_last_one_before_anything_worse_than_before(
    unmet: tuple[str, ...], baseline: tuple[str, ...], stage: str
) -> None:
    assert find_stage(baseline, status(*unmet)) == stage


def test_a_machine_that_boots_or_goes_down_has_only_a_brain() -> None:
    for stage in (Stage.BOOTING, Stage.SHUTTING_DOWN):
        assert find_stage((), status(stage=stage)) == "brain"
        assert not is_healthy((), status(stage=stage)), "nothing is unmet, and that means nothing"
    assert find_stage((), None) == "brain"
    assert not is_healthy((), None)
    assert not is_healthy((), status(stage=Stage.MAINTENANCE))


@pytest.mark.parametrize(
    ("unmet", "healthy_for", "left", "verdict"),
    [
        ((), 0.0, 100.0, Verdict.PENDING),
        ((), 9.9, 100.0, Verdict.PENDING),
        ((), 10.0, 100.0, Verdict.HEALTHY),
        ((), 1.0, 0.0, Verdict.HEALTHY),
        (("etcd",), None, 100.0, Verdict.PENDING),
        (("etcd",), None, 0.0, Verdict.FAILED),
        (("etcd",), None, -5.0, Verdict.FAILED),
    ],
)
def test_the_verdict(unmet: tuple[str, ...], healthy_for: float | None, left: float, verdict: Verdict) -> None:
    assert judge((), status(*unmet), Trial(healthy_for, left, 10.0)).verdict is verdict


def test_a_failure_names_the_stage_that_did_not_come_and_why() -> None:
    found = judge(("node",), status("network", "etcd", "node"), Trial(None, 0.0, 10.0))
    assert (found.stage, found.missing) == ("configuration", "network")
    assert found.reason == "network: no network; etcd: no etcd"
    assert judge((), None, Trial(None, 0.0, 10.0)).verdict is Verdict.FAILED


def test_order_of_stages() -> None:
    assert further("network", "brain") == further("brain", "network") == "network"
    assert further("", "brain") == "brain"
    assert next_stage("network") == "etcd"
    assert next_stage("") == STAGES[0]
    assert next_stage("ready") == "ready"


def test_many_reasons_are_cut() -> None:
    assert describe(status("a", "b", "c", "d", "e").unmet) == "a: no a; b: no b; c: no c (and 2 more)"
