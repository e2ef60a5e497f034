"""Which change of the store wakes which controller: pure.

Finalizers and counters change often and mean nothing to most; waking for them would make controllers wake each other
for ever. A controller is woken by what it can see, and by the finalizers of what it is tearing down.
"""

from collections.abc import Iterable
from typing import Any

from controllers.runtime.controller import Controller, Input, InputKind
from controllers.runtime.resource import Resource
from controllers.runtime.store import Change, Event


class Route:
    """How the changes of one kind concern one controller."""

    __slots__ = ("inputs", "makes", "name")

    def __init__(self, name: str, inputs: Iterable[Input], *, makes: bool) -> None:
        """In: the controller's name, its inputs of this kind, whether this kind is one of its outputs."""
        self.name = name
        self.inputs = tuple(inputs)
        self.makes = makes

    def concerns(self, event: Event[Any]) -> bool:
        """Return whether the controller must reconcile because of an event."""
        resource = event.resource
        if resource is None:
            return False
        if self.makes and resource.metadata.owner == self.name and _was_let_go(event):
            return True
        return any(one.id in (None, resource.id) and _is_visible(one, event) for one in self.inputs)


def make_routes(controller: Controller) -> dict[tuple[str, type[Any]], Route]:
    """Return the routes of a controller by kind."""
    read: dict[tuple[str, type[Any]], list[Input]] = {}
    for one in controller.inputs:
        read.setdefault((one.namespace, one.type), []).append(one)
    made = {(out.namespace, out.type) for out in controller.outputs}
    return {kind: Route(controller.name, read.get(kind, ()), makes=kind in made) for kind in {**read, **dict.fromkeys(made)}}


def _is_visible(declared: Input, event: Event[Any]) -> bool:
    """Return whether an event changes what an input shows."""
    old, new = event.old, event.resource
    if declared.kind is InputKind.DESTROY_READY:
        return event.change is Change.UPDATED and new is not None and declared.shows(new)
    if event.change is not Change.UPDATED or old is None or new is None:
        return True
    return old.tearing_down != new.tearing_down or _differs(old, new)


def _differs(old: Resource[Any], new: Resource[Any]) -> bool:
    """Return whether two versions of a resource differ in more than finalizers and quiet fields."""
    before, after = old.metadata, new.metadata
    if (before.labels, before.annotations) != (after.labels, after.annotations):
        return True
    quiet = new.spec.quiet_fields
    if not quiet:
        return bool(old.spec != new.spec)
    names = (name for name in new.spec.__struct_fields__ if name not in quiet)
    return any(getattr(old.spec, name) != getattr(new.spec, name) for name in names)


def _was_let_go(event: Event[Any]) -> bool:
    """Return whether a finalizer went off something that is tearing down."""
    old, new = event.old, event.resource
    if old is None or new is None or not new.tearing_down:
        return False
    return len(new.metadata.finalizers) < len(old.metadata.finalizers)
