"""What a controller sees."""

from typing import Any

import msgspec
import pytest

from controllers.runtime.controller import (
    DESTROY_READY,
    STRONG,
    WEAK,
    Controller,
    Input,
    InputKind,
    Output,
    Wanted,
    get_output,
    make_view,
)
from controllers.runtime.errors import UndeclaredAccess, Waiting
from controllers.runtime.resource import Phase, Resource, Spec, new


class Seen(Spec, frozen=True, kw_only=True):
    """An input."""

    namespace = "view"


class Made(Spec, frozen=True, kw_only=True):
    """An output."""

    namespace = "view"


class Looker(Controller):
    """Declares one of each."""

    name = "Looker"
    inputs: tuple[Input, ...] = (Input(Seen), Input(Made, "elsewhere"), Input(Made, "third"))
    outputs = (Output(Made),)


def going(id_: str, *finalizers: str) -> Resource[Seen]:
    made = new(id_, Seen())
    return Resource(msgspec.structs.replace(made.metadata, phase=Phase.TEARING_DOWN, finalizers=finalizers), made.spec)


def view_of(*resources: Resource[Any], inputs: tuple[Input, ...] | None = None, own: tuple[Resource[Any], ...] = ()) -> Any:
    controller = Looker()
    controller.inputs = Looker.inputs if inputs is None else inputs
    return make_view(controller, resources, own, 5.0)


def test_list_find_and_get() -> None:
    view = view_of(new("b", Seen()), new("a", Seen()), new("c", Seen(), namespace="other"))
    assert [r.id for r in view.list(Seen)] == ["a", "b"]
    assert view.find(Seen, "a").id == "a"
    assert view.find(Seen, "c") is None
    assert view.get(Seen, "b").id == "b"
    with pytest.raises(Waiting) as caught:
        view.get(Seen, "c")
    assert caught.value.what == "Seen/c"
    assert view.now == 5.0


def test_two_namespaces_of_a_type_must_be_told_apart() -> None:
    view = view_of(new("a", Made(), namespace="elsewhere"), new("b", Made(), namespace="third"))
    assert [r.id for r in view.list(Made, "elsewhere")] == ["a"]
    assert [r.id for r in view.list(Made, "third")] == ["b"]
    with pytest.raises(UndeclaredAccess, match="elsewhere, third"):
        view.list(Made)
    with pytest.raises(UndeclaredAccess, match="view/Made"):
        view.list(Made, "view")


def test_what_is_not_declared_is_not_seen() -> None:
    view = view_of()
    with pytest.raises(UndeclaredAccess, match="Looker does not declare view/Seen"):
        view.own(Seen)
    view = view_of(inputs=(Input(Seen, id="a"), Input(Seen, id="b")))
    assert view.find(Seen, "b") is None
    with pytest.raises(UndeclaredAccess, match="view/Seen/c"):
        view.find(Seen, "c")


@pytest.mark.parametrize(("kind", "ids"), [(WEAK, "abc"), (STRONG, "a"), (DESTROY_READY, "b")])
def test_what_each_kind_of_input_shows(kind: InputKind, ids: str) -> None:
    view = view_of(new("a", Seen()), going("b"), going("c", "f"), inputs=(Input(Seen, kind=kind),))
    assert "".join(r.id for r in view.list(Seen)) == ids


def test_one_id_hides_the_others() -> None:
    view = view_of(new("a", Seen()), new("b", Seen()), inputs=(Input(Seen, id="b"),))
    assert [r.id for r in view.list(Seen)] == ["b"]


def test_own_outputs_are_those_that_stay() -> None:
    made = new("a", Made(), owner="Looker")
    gone = Resource(msgspec.structs.replace(made.metadata, id="b", phase=Phase.TEARING_DOWN), made.spec)
    assert view_of(own=(made, gone)).own(Made) == [made]


def test_the_soonest_wake_up_counts() -> None:
    view = view_of()
    assert view.wake_seconds is None
    for seconds in (9, 3, 5):
        view.wake_after(seconds)
    assert view.wake_seconds == 3


def test_a_wanted_resource_belongs_to_one_output() -> None:
    assert get_output(Looker(), Wanted("a", Made())).namespace == "view"
    with pytest.raises(UndeclaredAccess, match="elsewhere/Made"):
        get_output(Looker(), Wanted("a", Made(), namespace="elsewhere"))
    with pytest.raises(UndeclaredAccess, match="view/Seen"):
        get_output(Looker(), Wanted("a", Seen()))


async def test_a_controller_that_says_nothing_wants_nothing() -> None:
    idle = Controller()
    assert list(idle.reconcile(view_of())) == []  # type: ignore[arg-type]  # synchronous here
    await idle.run(lambda: None)
    await idle.close()
    assert repr(Input(Seen, id="a")) == "Input(view/Seen/a, weak)"
    assert repr(Output(Made)) == "Output(view/Made, exclusive)"
