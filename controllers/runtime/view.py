"""What a controller sees: a snapshot of its declared inputs, and of the outputs that it owns.

It does not change while a reconcile runs, not even an asynchronous one. Strong inputs that are tearing down are not
in it.
"""

from collections.abc import Container, Mapping
from typing import Any, cast

from controllers.runtime.errors import UndeclaredAccess, Waiting
from controllers.runtime.resource import Resource, S, Spec

Kind = tuple[str, type[Spec]]
"""Namespace and type."""

Table = Mapping[Kind, Mapping[str, Resource[Any]]]
"""Resources by kind and id."""


class View:
    """A snapshot. `namespace` may be left out when the controller declares the type in one namespace only."""

    def __init__(self, name: str, inputs: Table, own: Table, only: Mapping[Kind, Container[str | None]], now: float) -> None:
        """In: the controller's name, what it sees, what it made, for some kinds the only ids it declared, the time."""
        self._name = name
        self._inputs = inputs
        self._own = own
        self._only = only
        self.now = now
        """Monotonic seconds by the engine's clock."""
        self.wake_seconds: float | None = None
        """The earliest wake-up asked for, for the engine."""

    def find(self, type_: type[S], id_: str, namespace: str | None = None) -> Resource[S] | None:
        """Return one resource of a declared input, or None. Raises `UndeclaredAccess`."""
        kind, shelf = self._select(self._inputs, type_, namespace)
        if kind in self._only and id_ not in self._only[kind]:
            raise UndeclaredAccess(f"{self._name} does not declare {kind[0]}/{type_.__name__}/{id_}", "add it to inputs")
        return shelf.get(id_)

    def get(self, type_: type[S], id_: str, namespace: str | None = None) -> Resource[S]:
        """Return one resource of a declared input. Raises `Waiting` when it is not there, `UndeclaredAccess`."""
        found = self.find(type_, id_, namespace)
        if found is None:
            raise Waiting(f"{type_.__name__}/{id_}")
        return found

    def own(self, type_: type[S], namespace: str | None = None) -> list[Resource[S]]:
        """Return what this controller made of a declared output and is not tearing down. Raises `UndeclaredAccess`."""
        return list(self._select(self._own, type_, namespace)[1].values())

    def wake_after(self, seconds: float) -> None:
        """Ask for another reconcile in at most `seconds`, even if nothing changes. Of several calls the soonest
        counts.
        """
        self.wake_seconds = seconds if self.wake_seconds is None else min(self.wake_seconds, seconds)

    def _select(self, table: Table, type_: type[S], namespace: str | None) -> tuple[Kind, Mapping[str, Resource[S]]]:
        kinds = [kind for kind in table if kind[1] is type_ and namespace in (None, kind[0])]
        if len(kinds) == 1:
            return kinds[0], cast("Mapping[str, Resource[S]]", table[kinds[0]])
        what = "inputs" if table is self._inputs else "outputs"
        if kinds:
            names = ", ".join(kind[0] for kind in kinds)
            raise UndeclaredAccess(f"{self._name}: {type_.__name__} is declared in {names}", "name the namespace")
        where = f"{namespace or type_.namespace}/{type_.__name__}"
        raise UndeclaredAccess(f"{self._name} does not declare {where}", f"add it to {what}")

    def list(self, type_: type[S], namespace: str | None = None) -> list[Resource[S]]:
        """Return every visible resource of a declared input, by id. Raises `UndeclaredAccess`."""
        return list(self._select(self._inputs, type_, namespace)[1].values())
