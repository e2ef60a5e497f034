"""The order in which a reset destroys, and the plan's way to the program that does it."""

from dataclasses import replace

import pytest

from controllers.block.wipe_plan import (
    DropEntries,
    DropRecord,
    EraseAll,
    EraseEnds,
    Rank,
    Target,
    WipePlan,
    WipePlanError,
    order_steps,
    parse_plan,
    render_plan,
)

HEAD = '{"format": 2, "record": "", "strict": false, "limit": 1, "steps": '
STATE = Target("/dev/vda6", 64, "STATE", ends_only=True, disk="/dev/vda", partition_uuid="u6", rank=Rank.SECRETS)
EPHEMERAL = Target("/dev/vda7", 1000, "EPHEMERAL", disk="/dev/vda", partition_uuid="u7", rank=Rank.SECRETS, key="u7", start=250)
META = Target("/dev/vda5", 1, "META", rank=Rank.META)
USER = Target("/dev/vdb", 10, "disk")


def test_secrets_first_then_everything_then_the_entries_and_meta_last() -> None:
    ends = (EraseEnds("/dev/vda6", "STATE"), EraseEnds("/dev/vda7", "EPHEMERAL"), EraseEnds("/dev/vdb", "disk"))
    assert order_steps([META, USER, EPHEMERAL, STATE]) == (
        *ends,
        EraseAll("/dev/vda7", 1000, "EPHEMERAL", "u7", 250),
        EraseAll("/dev/vdb", 10, "disk"),
        *ends,
        DropEntries("/dev/vda", ("u6", "u7"), ("/dev/vda6", "/dev/vda7")),
        EraseAll("/dev/vda5", 1, "META"),
    )


def test_what_is_erased_already_is_not_erased_again_but_for_its_ends() -> None:
    ends = EraseEnds("/dev/vda7", "EPHEMERAL")
    assert order_steps([replace(EPHEMERAL, start=1000)]) == (ends, DropEntries("/dev/vda", ("u7",), ("/dev/vda7",)))


def test_which_step_ends_the_record() -> None:
    plan = WipePlan((*order_steps([META, STATE]), DropRecord("/dev/vda5")), 1.0, "/dev/vda5", strict=True)
    assert [step for step in plan.steps if plan.ends_record(step)] == [
        EraseAll("/dev/vda5", 1, "META"),
        DropRecord("/dev/vda5"),
    ]
    assert not any(WipePlan(order_steps([META, STATE]), 1.0).ends_record(step) for step in order_steps([META, STATE]))


def test_a_plan_comes_back_as_it_was() -> None:
    for record, strict in (("", False), ("/dev/vda5", True)):
        plan = WipePlan((*order_steps([EPHEMERAL, META, STATE]), DropRecord("/dev/vda5")), 90.0, record, strict)
        assert parse_plan(render_plan(plan)) == plan
    assert plan.size == 751
    assert all(step.describe() for step in plan.steps)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 3, "limit": 1, "record": "", "strict": true, "steps": []}',
        '{"format": 2, "record": "", "strict": false, "limit": "soon", "steps": []}',
        '{"format": 2, "limit": 1, "steps": []}',
        HEAD + '[{"step": "Format"}]}',
        HEAD + '[{"step": "EraseEnds"}]}',
        HEAD + '[{"step": "EraseEnds", "device": "a", "what": "b", "more": 1}]}',
        HEAD + '[{"step": "DropEntries", "disk": "a", "uuids": 7}]}',
        HEAD + "[7]}",
    ],
)
def test_what_is_no_plan(text: str) -> None:
    with pytest.raises(WipePlanError):
        parse_plan(text)
