"""Which change wakes whom."""

from typing import Any

import msgspec
import pytest

from controllers.runtime.controller import DESTROY_READY, STRONG, WEAK, Controller, Input, Output
from controllers.runtime.resource import Phase, Resource, Spec, new
from controllers.runtime.store import Change, Event
from controllers.runtime.wake import make_routes


class Bell(Spec, frozen=True, kw_only=True):
    """Rings."""

    namespace = "wake"
    quiet_fields = frozenset({"strokes"})
    tone: str = ""
    strokes: int = 0


class Ringer(Controller):
    """Reads and makes bells."""

    name = "Ringer"


def bell(id_: str = "a", owner: str = "", spec: Spec | None = None, **metadata: Any) -> Resource[Any]:
    made = new(id_, spec or Bell(), owner=owner)
    return Resource(msgspec.structs.replace(made.metadata, **metadata), made.spec)


def updated(old: Resource[Any], new_: Resource[Any]) -> Event[Any]:
    return Event(change=Change.UPDATED, bookmark="", resource=new_, old=old)


def concerns(event: Event[Any], *inputs: Input, makes: bool = False) -> bool:
    controller = Ringer()
    controller.inputs = inputs
    controller.outputs = (Output(Bell),) if makes else ()
    routes = make_routes(controller)
    assert list(routes) == [("wake", Bell)]
    return routes["wake", Bell].concerns(event)


GOING: dict[str, Any] = {"phase": Phase.TEARING_DOWN}
HELD: dict[str, Any] = {**GOING, "finalizers": ("f",)}

CREATED = Event(change=Change.CREATED, bookmark="", resource=bell())
DESTROYED = Event(change=Change.DESTROYED, bookmark="", resource=bell(**GOING))


@pytest.mark.parametrize(
    ("event", "weak", "strong", "ready"),
    [
        (CREATED, True, True, False),
        (DESTROYED, True, True, False),
        (updated(bell(), bell(spec=Bell(tone="c"))), True, True, False),
        (updated(bell(), bell(labels={"x": "1"})), True, True, False),
        (updated(bell(), bell(annotations={"x": "1"})), True, True, False),
        (updated(bell(), bell(spec=Bell(strokes=12))), False, False, False),
        (updated(bell(), bell(finalizers=("f",))), False, False, False),
        (updated(bell(), bell(**GOING)), True, True, True),
        (updated(bell(finalizers=("f",)), bell(**HELD)), True, True, False),
        (updated(bell(**HELD), bell(**GOING)), False, False, True),
        (Event(change=Change.BOOKMARK, bookmark="x"), False, False, False),
    ],
)
def test_what_each_kind_of_input_is_woken_by(event: Event[Any], weak: bool, strong: bool, ready: bool) -> None:
    assert concerns(event, Input(Bell, kind=WEAK)) is weak
    assert concerns(event, Input(Bell, kind=STRONG)) is strong
    assert concerns(event, Input(Bell, kind=DESTROY_READY)) is ready
    assert concerns(event, Input(Bell, id="other", kind=WEAK)) is False
    assert concerns(event, Input(Bell, id="other"), Input(Bell, id="a")) is weak


@pytest.mark.parametrize(
    ("event", "woken"),
    [
        (updated(bell(owner="Ringer", **HELD), bell(owner="Ringer", **GOING)), True),
        (updated(bell(owner="Other", **HELD), bell(owner="Other", **GOING)), False),
        (updated(bell(owner="Ringer"), bell(owner="Ringer", spec=Bell(tone="c"))), False),
        (updated(bell(owner="Ringer", finalizers=("f",)), bell(owner="Ringer")), False),
        (Event(change=Change.CREATED, bookmark="", resource=bell(owner="Ringer")), False),
    ],
)
def test_an_owner_is_woken_when_what_it_tears_down_is_let_go(event: Event[Any], woken: bool) -> None:
    assert concerns(event, makes=True) is woken
