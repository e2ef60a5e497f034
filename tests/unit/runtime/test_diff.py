"""From wanted and owned to the steps in between."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.runtime.controller import Controller, Output, Wanted
from controllers.runtime.diff import Action, plan
from controllers.runtime.errors import RuntimeFault, UndeclaredAccess
from controllers.runtime.memory import MemoryStore
from controllers.runtime.resource import Phase, Resource, Spec, new
from controllers.runtime.turn import Turn
from tests.harness.clock import FakeClock


class Pot(Spec, frozen=True, kw_only=True):
    """Made in one namespace."""

    namespace = "diff"
    size: int = 0


class Lid(Spec, frozen=True, kw_only=True):
    """Made in two."""

    namespace = "diff"


class Potter(Controller):
    """Declares; its reconcile is given by the test."""

    name = "Potter"
    outputs = (Output(Pot), Output(Lid), Output(Lid, namespace="diff-late"))


def owned(id_: str, size: int = 0, **metadata: Any) -> Resource[Pot]:
    made = new(id_, Pot(size=size), owner="Potter")
    return Resource(msgspec.structs.replace(made.metadata, version=3, **metadata), made.spec)


def steps(wanted: Iterable[Wanted], *own: Resource[Any]) -> list[tuple[str, str]]:
    return [(step.action.value, step.resource.id) for step in plan(Potter(), wanted, own)]


GOING: dict[str, Any] = {"phase": Phase.TEARING_DOWN}
HELD: dict[str, Any] = {"phase": Phase.TEARING_DOWN, "finalizers": ("f",)}


@pytest.mark.parametrize(
    ("wanted", "own", "expected"),
    [
        ([], [], []),
        ([Wanted("a", Pot())], [], [("create", "a")]),
        ([Wanted("a", Pot())], [owned("a")], []),
        ([Wanted("a", Pot(size=1))], [owned("a")], [("update", "a")]),
        ([Wanted("a", Pot(), labels={"x": "1"})], [owned("a")], [("update", "a")]),
        ([Wanted("a", Pot(), annotations={"x": "1"})], [owned("a")], [("update", "a")]),
        ([Wanted("a", Pot())], [owned("a", finalizers=("f",))], []),
        ([], [owned("a")], [("teardown", "a")]),
        ([], [owned("a", **GOING)], [("destroy", "a")]),
        ([], [owned("a", **HELD)], []),
        ([Wanted("a", Pot())], [owned("a", **GOING)], [("recreate", "a")]),
        ([Wanted("a", Pot())], [owned("a", **HELD)], []),
        ([Wanted("b", Pot()), Wanted("a", Pot())], [owned("c")], [("create", "b"), ("create", "a"), ("teardown", "c")]),
    ],
)
def test_steps(wanted: list[Wanted], own: list[Resource[Any]], expected: list[tuple[str, str]]) -> None:
    assert steps(wanted, *own) == expected


def test_an_update_keeps_the_metadata_that_is_not_wanted() -> None:
    [step] = plan(Potter(), [Wanted("a", Pot(size=1), labels={"x": "1"})], [owned("a", finalizers=("f",))])
    assert step.action is Action.UPDATE
    metadata = step.resource.metadata
    assert (metadata.version, metadata.finalizers, metadata.labels) == (3, ("f",), {"x": "1"})


def test_what_is_created_belongs_to_the_controller() -> None:
    [step] = plan(Potter(), [Wanted("a", Lid(), namespace="diff-late")], [])
    assert (step.resource.metadata.owner, step.resource.metadata.namespace) == ("Potter", "diff-late")


def test_the_same_id_in_two_namespaces_is_two_resources() -> None:
    wanted = [Wanted("a", Lid(), namespace="diff"), Wanted("a", Lid(), namespace="diff-late")]
    assert steps(wanted) == [("create", "a"), ("create", "a")]


def test_a_type_of_two_namespaces_needs_one_named() -> None:
    with pytest.raises(UndeclaredAccess, match="diff, diff-late"):
        steps([Wanted("a", Lid())])


def test_one_resource_wanted_twice_is_a_bug() -> None:
    with pytest.raises(RuntimeFault, match="Pot/a twice"):
        steps([Wanted("a", Pot()), Wanted("a", Pot())])


@given(st.lists(st.dictionaries(st.sampled_from("abcde"), st.integers(0, 3)), min_size=1, max_size=6))
async def test_carried_out_the_store_holds_what_is_wanted_and_there_is_nothing_left_to_do(
    history: list[dict[str, int]],
) -> None:
    store = MemoryStore(FakeClock())
    for sizes in history:
        wanted = [Wanted(id_, Pot(size=size)) for id_, size in sizes.items()]

        async def want(_: object, wanted: list[Wanted] = wanted) -> list[Wanted]:
            return wanted

        await Turn(Potter(), store, 0.0).run(want)
        own = await store.list(Pot)
        assert {pot.id: pot.spec.size for pot in own} == sizes
        assert plan(Potter(), wanted, own) == []
