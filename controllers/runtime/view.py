"""What a controller sees: a snapshot of its declared inputs, and of the outputs that it owns.

It does not change while a reconcile runs, not even an asynchronous one. Strong inputs that are tearing down are not
in it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from controllers.runtime.errors import UndeclaredAccess, Waiting
from controllers.runtime.resource import Resource, S, Spec

Kind = tuple[str, type[Spec]]
"""Namespace and type."""


class View:
    """A snapshot. `namespace` may be left out when the controller declares the type in one namespace only."""

    def __init__(
        self,
        name: str,
        inputs: Mapping[Kind, Iterable[Resource[Any]]],
        own: Mapping[Kind, Iterable[Resource[Any]]],
        now: float,
    ) -> None:
        self._name = name
        self._inputs = {kind: {r.id: r for r in resources} for kind, resources in inputs.items()}
        self._own = {kind: {r.id: r for r in resources} for kind, resources in own.items()}
        self.now = now
        """Monotonic seconds by the engine's clock."""
        self.wake_seconds: float | None = None
        """The earliest wake-up asked for, for the engine."""

    def find(self, type_: type[S], id_: str, namespace: str | None = None) -> Resource[S] | None:
        """Return one resource of a declared input, or None. Raises `UndeclaredAccess`."""
        return self._select(self._inputs, type_, namespace).get(id_)

    def get(self, type_: type[S], id_: str, namespace: str | None = None) -> Resource[S]:
        """Return one resource of a declared input. Raises `Waiting` when it is not there, `UndeclaredAccess`."""
        found = self.find(type_, id_, namespace)
        if found is None:
            raise Waiting(f"{type_.__name__}/{id_}")
        return found

    def own(self, type_: type[S], namespace: str | None = None) -> list[Resource[S]]:
        """Return what this controller made of a declared output and is not tearing down. Raises `UndeclaredAccess`."""
        return list(self._select(self._own, type_, namespace).values())

    def wake_after(self, seconds: float) -> None:
        """Ask for another reconcile in at most `seconds`, even if nothing changes. Of several calls the soonest
        counts.
        """
        self.wake_seconds = seconds if self.wake_seconds is None else min(self.wake_seconds, seconds)

    def _select(
        self, table: dict[Kind, dict[str, Resource[Any]]], type_: type[S], namespace: str | None
    ) -> dict[str, Resource[S]]:
        kinds = [kind for kind in table if kind[1] is type_ and namespace in (None, kind[0])]
        if len(kinds) == 1:
            return cast("dict[str, Resource[S]]", table[kinds[0]])
        what = "inputs" if table is self._inputs else "outputs"
        if kinds:
            names = ", ".join(kind[0] for kind in kinds)
            raise UndeclaredAccess(f"{self._name}: {type_.__name__} is declared in {names}", "name the namespace")
        where = f"{namespace or type_.namespace}/{type_.__name__}"
        raise UndeclaredAccess(f"{self._name} does not declare {where}", f"add it to {what}")

    def list(self, type_: type[S], namespace: str | None = None) -> list[Resource[S]]:
        """Return every visible resource of a declared input, by id. Raises `UndeclaredAccess`."""
        return list(self._select(self._inputs, type_, namespace).values())
