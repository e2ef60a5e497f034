"""The record and the list of refused bundles, as META holds them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from controllers.lifecycle.record import (
    REFUSED_LIMIT,
    TEXT_LIMIT,
    Refusal,
    UpgradeRecord,
    advance,
    allow,
    find_refusal,
    parse_record,
    parse_refused,
    refuse,
    render_record,
    render_refused,
)
from controllers.lifecycle.transitions import State

RECORD = UpgradeRecord(
    state=State.TRYING, bundle="b" * 64, from_version="1", to_version="2", slot="b", root_hash="c" * 64, window=600
)


def test_what_pid_1_reads_has_these_names() -> None:
    assert json.loads(render_record(RECORD)) | {"state": "trying", "root_hash": "c" * 64, "window": 600.0} == json.loads(
        render_record(RECORD)
    )


@given(
    st.builds(
        UpgradeRecord,
        state=st.sampled_from(State),
        reason=st.text(),
        window=st.floats(0, 1e6),
        baseline=st.lists(st.text()).map(tuple),
        staged=st.booleans(),
    )
)
def test_a_record_comes_back_as_it_was(record: UpgradeRecord) -> None:
    assert parse_record(render_record(record)) == record


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"state": "dancing"}', '{"window": "long"}', "null", '{"state": "trying", "window": {}}']
)
def test_what_cannot_be_read_counts_as_none(text: str) -> None:
    assert parse_record(text) is None


def test_fields_of_a_later_version_are_ignored() -> None:
    assert parse_record('{"state": "committed", "colour": "blue", "slot": "a"}') == UpgradeRecord(
        state=State.COMMITTED, slot="a"
    )


def test_advance_keeps_to_the_table_and_cuts_long_texts() -> None:
    after = advance(RECORD, State.FAILED, reason="x" * 1000, step="network")
    assert (after.state, after.step, len(after.reason), after.bundle) == (State.FAILED, "network", TEXT_LIMIT, RECORD.bundle)
    with pytest.raises(ValueError, match="cannot become preparing"):
        advance(RECORD, State.PREPARING)


def test_a_failed_bundle_is_refused_once_with_the_last_reason_until_it_is_allowed() -> None:
    failed = advance(RECORD, State.FAILED, step="network", reason="no address")
    refused = refuse((Refusal(bundle="b" * 64, reason="old"), Refusal(bundle="x")), failed)
    assert [one.bundle for one in refused] == ["x", "b" * 64]
    assert find_refusal(refused, "b" * 64) == Refusal(bundle="b" * 64, version="2", step="network", reason="no address")
    assert find_refusal(allow(refused, "b" * 64), "b" * 64) is None
    assert parse_refused(render_refused(refused)) == refused


def test_the_list_is_bounded_and_a_rollback_is_not_on_it() -> None:
    many = tuple(Refusal(bundle=str(number)) for number in range(REFUSED_LIMIT))
    assert len(refuse(many, RECORD)) == REFUSED_LIMIT
    assert refuse(many, UpgradeRecord(state=State.FAILED)) == many
    assert parse_refused("nonsense") == ()


def test_the_largest_list_leaves_room_in_meta() -> None:
    refused: tuple[Refusal, ...] = ()
    for number in range(REFUSED_LIMIT + 1):
        refused = refuse(refused, structs.replace(RECORD, bundle=f"{number:064}", reason="x" * 1000, step="y" * 1000))
    assert len(refused) == REFUSED_LIMIT
    assert len(json.dumps(render_refused(refused))) < 12 << 10
