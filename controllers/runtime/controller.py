"""What a controller is: a name, declared inputs and outputs, and a `reconcile` from what is to what is wanted.

The engine calls `reconcile` with a `View`, a snapshot of the declared inputs, whenever one of them changed, and diffs
what it yields against what the controller owns. So a controller never lists, creates or destroys anything itself, and
may be called any number of times. What it did not declare it cannot read: `UndeclaredAccess`.
"""

from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from typing import ClassVar

import msgspec

from controllers.runtime.resource import Spec
from controllers.runtime.view import View

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
]


class InputKind(StrEnum):
    """How a controller depends on what it reads.

    `WEAK`: it looks. `STRONG`: what it looks at does not go away before it has reconciled without it (the engine
    keeps a finalizer on it). `DESTROY_READY`: it sees only what is tearing down and free of finalizers, and the
    engine destroys what it was shown once the reconcile has succeeded.
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
