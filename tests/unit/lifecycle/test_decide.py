"""What to do next, for every state of the record, whatever boot finds it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from controllers.lifecycle.decide import (
    CAME_BACK,
    INTERRUPTED,
    LOST,
    NEVER_REACHED,
    NOT_TRIED,
    Decision,
    Facts,
    Move,
    decide,
)
from controllers.lifecycle.record import UpgradeRecord
from controllers.lifecycle.transitions import ENDS, State, is_allowed
from controllers.resources.lifecycle import SlotStatus, TrialStatus, UpgradeRequest, Verdict

OLD, NEW = "0" * 64, "1" * 64
TRYING = UpgradeRecord(state=State.TRYING, request="r1", slot="b", root_hash=NEW, boot_id="boot-1", window=600)
ASKED = UpgradeRequest(request="r2", source="uploaded")
USED = {"a": SlotStatus(running=True, entry=True), "b": SlotStatus(entry=True, tries=0)}


def facts(
    record: UpgradeRecord | None,
    running: str = OLD,
    boot: str = "boot-2",
    slots: dict[str, SlotStatus] | None = None,
    trial: TrialStatus | None = None,
    request: UpgradeRequest | None = None,
) -> Facts:
    return Facts(record, request, running, boot, USED if slots is None else slots, trial)


def test_without_a_record_only_a_request_matters() -> None:
    assert decide(facts(None)).move is Move.WAIT
    assert decide(facts(None, request=ASKED)).move is Move.PREPARE


def test_a_try_whose_record_is_lost_serves_and_says_so() -> None:
    slots = {"a": SlotStatus(entry=True), "b": SlotStatus(running=True, entry=True, tries=0)}
    assert decide(facts(None, running=NEW, slots=slots)) == Decision(Move.SERVE, "record", LOST)


def test_what_was_interrupted_is_abandoned() -> None:
    record = UpgradeRecord(state=State.PREPARING, step="writing", request="r1")
    for boot in ("boot-1", "boot-2"):
        assert decide(facts(record, boot=boot)) == Decision(Move.ABANDON, "writing", INTERRUPTED)


def test_armed_reboots_or_waits_for_somebody_who_does() -> None:
    assert decide(facts(TRYING, boot="boot-1")).move is Move.REBOOT
    staged = replace(TRYING, staged=True)
    assert decide(facts(staged, boot="boot-1")).move is Move.ARMED
    assert decide(facts(staged, boot="boot-1", request=ASKED)).move is Move.ABANDON, "another request takes its place"


@pytest.mark.parametrize(
    ("trial", "decision"),
    [
        (None, Decision(Move.VERIFY)),
        (TrialStatus(verdict=Verdict.PENDING, missing="etcd"), Decision(Move.VERIFY)),
        (TrialStatus(verdict=Verdict.HEALTHY), Decision(Move.COMMIT)),
        (
            TrialStatus(verdict=Verdict.FAILED, missing="etcd", reason="no leader"),
            Decision(Move.FAIL, "etcd", "no leader"),
        ),
    ],
)
def test_the_new_version_follows_the_verdict(trial: TrialStatus | None, decision: Decision) -> None:
    assert decide(facts(TRYING, running=NEW, trial=trial)) == decision


def test_the_old_version_finds_a_try_that_never_reached_its_brain() -> None:
    assert decide(facts(TRYING)) == Decision(Move.ROLL_BACK, "boot", NEVER_REACHED)


def test_the_old_version_finds_a_try_that_ended_without_a_word() -> None:
    record = replace(TRYING, stage="configuration", reason="network: no address")
    found = decide(facts(record))
    assert (found.move, found.step) == (Move.ROLL_BACK, "network")
    assert "as far as `configuration`" in found.reason
    assert "no address" in found.reason


def test_the_old_version_finds_a_try_that_judged_itself() -> None:
    record = replace(TRYING, state=State.FAILED, step="etcd", reason="no leader")
    assert decide(facts(record)) == Decision(Move.ROLL_BACK, "etcd", "no leader")


@pytest.mark.parametrize("slot", [SlotStatus(), SlotStatus(entry=True, tries=1, next=True)])
def test_a_slot_that_the_boot_loader_never_tried_refuses_no_bundle(slot: SlotStatus) -> None:
    assert decide(facts(TRYING, slots={"a": SlotStatus(running=True), "b": slot})) == Decision(Move.ABANDON, "armed", NOT_TRIED)


def test_a_version_that_failed_reboots_once_and_then_serves() -> None:
    record = replace(TRYING, state=State.FAILED, step="etcd", reason="no leader")
    assert decide(facts(record, running=NEW, boot="boot-1")).move is Move.REBOOT
    back = decide(facts(record, running=NEW, boot="boot-9"))
    assert back.move is Move.SERVE, "no loop of reboots"
    assert CAME_BACK in back.reason
    assert decide(facts(record, running=NEW, boot="boot-9", request=ASKED)).move is Move.PREPARE


@pytest.mark.parametrize("state", sorted(ENDS))
def test_after_an_end_only_another_request_counts(state: State) -> None:
    record = replace(TRYING, state=state)
    same = UpgradeRequest(request="r1", source="uploaded")
    assert decide(facts(record)).move is Move.WAIT
    assert decide(facts(record, request=same)).move is Move.WAIT, "the same request is not carried out twice"
    assert decide(facts(record, request=ASKED)).move is Move.PREPARE


TARGETS = {
    Move.PREPARE: State.PREPARING,
    Move.COMMIT: State.COMMITTED,
    Move.FAIL: State.FAILED,
    Move.ROLL_BACK: State.ROLLED_BACK,
    Move.ABANDON: State.ABANDONED,
}

SLOTS = st.dictionaries(
    st.sampled_from("ab"),
    st.builds(SlotStatus, running=st.booleans(), entry=st.booleans(), next=st.booleans(), tries=st.sampled_from([None, 0, 1])),
)
FACTS = st.builds(
    Facts,
    st.none()
    | st.builds(
        UpgradeRecord,
        state=st.sampled_from(State),
        request=st.sampled_from(["", "r1"]),
        slot=st.sampled_from(["", "a", "b"]),
        root_hash=st.sampled_from(["", OLD, NEW]),
        boot_id=st.sampled_from(["", "boot-1", "boot-2"]),
        stage=st.sampled_from(["", "brain", "network", "nonsense"]),
        staged=st.booleans(),
    ),
    st.none() | st.just(ASKED),
    st.sampled_from(["", OLD, NEW]),
    st.sampled_from(["boot-1", "boot-2"]),
    SLOTS,
    st.none() | st.builds(TrialStatus, verdict=st.sampled_from(Verdict)),
)


@given(FACTS)
def test_whatever_is_found_what_follows_is_in_the_table(found: Facts) -> None:
    decision = decide(found)
    if decision.move in TARGETS:
        before = found.record.state if found.record else None
        assert is_allowed(before, TARGETS[decision.move])
    if decision.move in (Move.FAIL, Move.COMMIT, Move.VERIFY):
        assert found.is_try, "only the version that is tried judges itself"
    if decision.move is Move.ROLL_BACK:
        assert not found.is_try
