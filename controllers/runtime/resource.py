"""What a resource is: metadata and a frozen spec; its type is the spec's class, its type's name that class's name.

Declare one like this; msgspec inherits neither `kw_only` nor (for the type checker) `frozen`, so every class repeats
both:

    class LinkStatus(Spec, frozen=True, kw_only=True):
        namespace = "network"
        aliases = ("link", "links")
        columns = (("UP", "up"), ("MTU", "mtu"))
        up: bool
        mtu: int

Trap: fields must be immutable all the way down (tuples, not lists): snapshots share them without copies.
"""

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import msgspec

from controllers.runtime import secret

Secret = Annotated[str, msgspec.Meta(extra={"secret": True})]
"""A text that no log, table or `repr` shows. Use it as the type of a field; at run time it is a plain `str`."""

SecretBytes = Annotated[bytes, msgspec.Meta(extra={"secret": True})]
"""Like `Secret`, for bytes."""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of structured values inside specs. Its `repr` shows no secret."""

    def __repr__(self) -> str:
        return secret.safe_repr(self)


class Spec(Part, frozen=True, kw_only=True):
    """Base of every resource's content.

    Class attributes of a type: `namespace` (where it lives unless told otherwise), `sensitive` (only administrators
    may read it), `aliases` (further names for people; plural and case do not matter), `columns` (title and dotted
    field path of each column of a table), `quiet_fields` (counters and the like: a change of only these wakes no
    controller), `abstract` (set on a base class that is no type itself).
    """

    namespace: ClassVar[str] = ""
    sensitive: ClassVar[bool] = False
    aliases: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[tuple[str, str], ...]] = ()
    quiet_fields: ClassVar[frozenset[str]] = frozenset()
    abstract: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.__dict__.get("abstract", False):
            cls.abstract = False
            register(cls)


S = TypeVar("S", bound=Spec)
S_co = TypeVar("S_co", bound=Spec, covariant=True)


class Phase(StrEnum):
    """Life of a resource: it runs, and then it tears down until its finalizers are gone."""

    RUNNING = "running"
    TEARING_DOWN = "tearing-down"


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a resource that is not its content. Times are seconds since the epoch by the store's clock."""

    namespace: str
    type: str
    id: str
    version: int = 0
    owner: str = ""
    phase: Phase = Phase.RUNNING
    finalizers: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    created: float = 0.0
    updated: float = 0.0

    def __str__(self) -> str:
        return f"{self.type}/{self.id}"


class Resource(msgspec.Struct, Generic[S], frozen=True):
    """One resource. `id`, `phase` and so on are in `metadata`."""

    metadata: Metadata
    spec: S

    @property
    def id(self) -> str:
        """The id, which everybody asks for."""
        return self.metadata.id

    @property
    def tearing_down(self) -> bool:
        """Whether it is on its way out."""
        return self.metadata.phase is Phase.TEARING_DOWN


def new(
    id_: str,
    spec: S,
    *,
    namespace: str | None = None,
    owner: str = "",
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
) -> Resource[S]:
    """Return a resource that is in no store yet; `namespace` is the type's own unless given."""
    metadata = Metadata(
        namespace=namespace or type(spec).namespace,
        type=type(spec).__name__,
        id=id_,
        owner=owner,
        labels=labels or {},
        annotations=annotations or {},
    )
    return Resource(metadata, spec)


def replace(resource: Resource[S], spec: S) -> Resource[S]:
    """Return `resource` with another content and the same metadata: what `Store.update` takes."""
    return Resource(resource.metadata, spec)


from controllers.runtime.registry import register  # noqa: E402 - the registry needs Spec, and Spec registers its subclasses
