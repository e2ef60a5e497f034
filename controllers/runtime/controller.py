"""What a controller is: a name, declared inputs and outputs, and a `reconcile` from what is to what is wanted.

The engine calls `reconcile` with a `View`, a snapshot of the declared inputs, whenever one of them changed, and diffs
what it yields against what the controller owns. So a controller never lists, creates or destroys anything itself, and
may be called any number of times. What it did not declare it cannot read: `UndeclaredAccess`.
"""

from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from controllers.runtime.errors import UndeclaredAccess
from controllers.runtime.resource import Resource, Spec
from controllers.runtime.view import Kind, View

__all__ = [
    "DESTROY_READY",
    "EXCLUSIVE",
    "SHARED",
    "STRONG",
    "WEAK",
    "Controller",
    "Input",
    "InputKind",
    "Output",
    "OutputKind",
    "View",
    "Wanted",
    "get_output",
    "make_view",
]


class InputKind(StrEnum):
    """How a controller depends on what it reads.

    `WEAK`: it looks, also at what is tearing down. `STRONG`: what it looks at does not go away before it has
    reconciled without it (the engine keeps a finalizer on it). `DESTROY_READY`: it sees only what is tearing down and
    free of finalizers, and the engine destroys what it was shown once the reconcile has succeeded.
    """

    WEAK = "weak"
    STRONG = "strong"
    DESTROY_READY = "destroy-ready"


class OutputKind(StrEnum):
    """`EXCLUSIVE`: no other controller makes this type in this namespace. `SHARED`: several do, each its own
    resources.
    """

    EXCLUSIVE = "exclusive"
    SHARED = "shared"


WEAK, STRONG, DESTROY_READY = InputKind.WEAK, InputKind.STRONG, InputKind.DESTROY_READY
EXCLUSIVE, SHARED = OutputKind.EXCLUSIVE, OutputKind.SHARED


class Input:
    """A type that a controller reads: `namespace` (the type's own unless given), one `id` or all."""

    __slots__ = ("id", "kind", "namespace", "type")

    def __init__(
        self,
        type_: type[Spec],
        namespace: str | None = None,
        id: str | None = None,
        kind: InputKind = WEAK,
    ) -> None:
        self.type = type_
        self.namespace = namespace or type_.namespace
        self.id = id
        self.kind = kind

    def shows(self, resource: Resource[Any]) -> bool:
        """Return whether this input lets a controller see a resource."""
        metadata = resource.metadata
        if type(resource.spec) is not self.type or metadata.namespace != self.namespace:
            return False
        if self.id not in (None, metadata.id):
            return False
        if self.kind is InputKind.DESTROY_READY:
            return resource.tearing_down and not metadata.finalizers
        return self.kind is InputKind.WEAK or not resource.tearing_down

    def __repr__(self) -> str:
        return f"Input({self.namespace}/{self.type.__name__}/{self.id or '*'}, {self.kind})"


class Output:
    """A type that a controller makes, in one namespace (the type's own unless given)."""

    __slots__ = ("kind", "namespace", "type")

    def __init__(self, type_: type[Spec], namespace: str | None = None, kind: OutputKind = EXCLUSIVE) -> None:
        self.type = type_
        self.namespace = namespace or type_.namespace
        self.kind = kind

    def __repr__(self) -> str:
        return f"Output({self.namespace}/{self.type.__name__}, {self.kind})"


class Wanted(msgspec.Struct, frozen=True):
    """A resource that a controller wants to exist: `Wanted("eth0", LinkSpec(up=True))`.

    `namespace` is needed only when the controller makes this type in more than one.
    """

    id: str
    spec: Spec
    namespace: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Controller:
    """Base of every controller. One class, one file.

    `inline = False` runs a synchronous `reconcile` in a thread from the start (the engine moves slow ones there by
    itself). `timeout` limits one asynchronous `reconcile`, in seconds before the node's patience factor.
    """

    name: str = ""
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    inline: ClassVar[bool] = True
    timeout: ClassVar[float] = 120.0

    def reconcile(self, view: View) -> Iterable[Wanted] | Awaitable[Iterable[Wanted] | None] | None:
        """Return or yield everything that this controller wants to exist, or raise `Waiting`; None is nothing.

        May be a coroutine function in controllers that act through a port.
        """
        return ()

    async def run(self, wake: Callable[[], None]) -> None:
        """Listen to the world outside and call `wake` to be reconciled again. Restarted with backoff when it raises."""

    async def close(self) -> None:
        """Release what this controller holds. Called once, when the engine stops."""


def make_view(controller: Controller, resources: Iterable[Resource[Any]], own: Iterable[Resource[Any]], now: float) -> View:
    """Return the view of a controller when the store holds `resources` and it made `own` of them."""
    given, made = _by_kind(resources), _by_kind(own)
    inputs: dict[Kind, dict[str, Resource[Any]]] = {}
    only: dict[Kind, set[str | None]] = {}
    for declared in controller.inputs:
        kind = (declared.namespace, declared.type)
        inputs.setdefault(kind, {}).update({r.id: r for r in given.get(kind, ()) if declared.shows(r)})
        only.setdefault(kind, set()).add(declared.id)
    outputs = {
        kind: {r.id: r for r in made.get(kind, ()) if not r.tearing_down}
        for kind in ((out.namespace, out.type) for out in controller.outputs)
    }
    return View(controller.name, inputs, outputs, {kind: ids for kind, ids in only.items() if None not in ids}, now)


def _by_kind(resources: Iterable[Resource[Any]]) -> dict[Kind, list[Resource[Any]]]:
    """Return resources by kind, each kind by id."""
    kinds: dict[Kind, list[Resource[Any]]] = {}
    for resource in sorted(resources, key=lambda r: r.id):
        kinds.setdefault((resource.metadata.namespace, type(resource.spec)), []).append(resource)
    return kinds


def get_output(controller: Controller, wanted: Wanted) -> Output:
    """Return the declared output that a wanted resource belongs to. Raises `UndeclaredAccess`."""
    type_ = type(wanted.spec)
    found = [out for out in controller.outputs if out.type is type_ and wanted.namespace in (None, out.namespace)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(out.namespace for out in found)
        raise UndeclaredAccess(f"{controller.name} makes {type_.__name__} in {names}", "name the namespace in Wanted")
    where = f"{wanted.namespace or type_.namespace}/{type_.__name__}"
    raise UndeclaredAccess(f"{controller.name} does not declare {where}", "add it to outputs")
