"""The order in which a reset destroys, and the plan's way to the program that does it."""

import pytest

from controllers.block.wipe_plan import (
    DropEntries,
    EraseAll,
    EraseEnds,
    Target,
    WipePlan,
    WipePlanError,
    order_steps,
    parse_plan,
    render_plan,
)

STATE = Target("/dev/vda6", 64, "STATE", ends_only=True, disk="/dev/vda", partition_uuid="u6")
EPHEMERAL = Target("/dev/vda7", 1000, "EPHEMERAL", disk="/dev/vda", partition_uuid="u7")
META = Target("/dev/vda5", 1, "META")


def test_ends_first_then_entries_then_everything_then_the_ends_again() -> None:
    ends = (EraseEnds("/dev/vda6", "STATE"), EraseEnds("/dev/vda5", "META"), EraseEnds("/dev/vda7", "EPHEMERAL"))
    assert order_steps([EPHEMERAL, META, STATE]) == (
        *ends,
        DropEntries("/dev/vda", ("u6", "u7")),
        EraseAll("/dev/vda5", 1, "META"),
        EraseAll("/dev/vda7", 1000, "EPHEMERAL"),
        *ends,
    )


def test_a_plan_comes_back_as_it_was() -> None:
    plan = WipePlan(order_steps([EPHEMERAL, META, STATE]), 90.0)
    assert parse_plan(render_plan(plan)) == plan
    assert plan.size == 1001
    assert all(step.describe() for step in plan.steps)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 2, "limit": 1, "steps": []}',
        '{"format": 1, "limit": "soon", "steps": []}',
        '{"format": 1, "limit": 1, "steps": [{"step": "Format"}]}',
        '{"format": 1, "limit": 1, "steps": [{"step": "EraseEnds"}]}',
        '{"format": 1, "limit": 1, "steps": [{"step": "EraseEnds", "device": "a", "what": "b", "more": 1}]}',
        '{"format": 1, "limit": 1, "steps": [{"step": "DropEntries", "disk": "a", "uuids": 7}]}',
        '{"format": 1, "limit": 1, "steps": [7]}',
    ],
)
def test_what_is_no_plan(text: str) -> None:
    with pytest.raises(WipePlanError):
        parse_plan(text)
