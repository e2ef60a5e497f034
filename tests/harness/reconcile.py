"""Run one `reconcile` of a pure controller on a list of resources: unit tests in one line.

wanted = run_reconcile(HostnameMergeController(), [new("default", HostnameConfig(hostname="a"))])
"""

import inspect
from collections.abc import Iterable
from typing import Any

from controllers.runtime.controller import Controller, Input, InputKind, Wanted
from controllers.runtime.errors import UndeclaredAccess
from controllers.runtime.resource import Resource
from controllers.runtime.view import View


def make_view(
    controller: Controller,
    resources: Iterable[Resource[Any]] = (),
    *,
    own: Iterable[Resource[Any]] = (),
    now: float = 1000.0,
) -> View:
    """Return the view that the engine would build when the store held `resources`, of which the controller made
    `own`.
    """
    given = list(resources)
    inputs: dict[Any, dict[str, Resource[Any]]] = {}
    for declared in controller.inputs:
        seen = inputs.setdefault((declared.namespace, declared.type), {})
        seen.update({r.id: r for r in given if _shown(declared, r)})
    outputs = {
        (out.namespace, out.type): [
            r for r in own if type(r.spec) is out.type and r.metadata.namespace == out.namespace
        ]
        for out in controller.outputs
    }
    return View(controller.name, {kind: seen.values() for kind, seen in inputs.items()}, outputs, now)


def run_reconcile(
    controller: Controller,
    resources: Iterable[Resource[Any]] = (),
    *,
    own: Iterable[Resource[Any]] = (),
    now: float = 1000.0,
) -> list[Wanted]:
    """Return what a synchronous `reconcile` wants. Raises what it raises (`Waiting`), and `UndeclaredAccess` for an
    output.
    """
    result = controller.reconcile(make_view(controller, resources, own=own, now=now))
    assert not inspect.isawaitable(result), "asynchronous: use `await run_reconcile_async(…)`"
    return _checked(controller, result)


async def run_reconcile_async(
    controller: Controller,
    resources: Iterable[Resource[Any]] = (),
    *,
    own: Iterable[Resource[Any]] = (),
    now: float = 1000.0,
) -> list[Wanted]:
    """Like `run_reconcile`, for a `reconcile` that is a coroutine."""
    result = controller.reconcile(make_view(controller, resources, own=own, now=now))
    return _checked(controller, await result if inspect.isawaitable(result) else result)


def _shown(declared: Input, resource: Resource[Any]) -> bool:
    """Return whether an input shows a resource."""
    metadata = resource.metadata
    if type(resource.spec) is not declared.type or metadata.namespace != declared.namespace:
        return False
    if declared.id not in (None, metadata.id):
        return False
    if declared.kind is InputKind.DESTROY_READY:
        return resource.tearing_down and not metadata.finalizers
    return declared.kind is InputKind.WEAK or not resource.tearing_down


def _checked(controller: Controller, wanted: Iterable[Wanted] | None) -> list[Wanted]:
    """Return what is wanted as a list, after checking that the controller declares it."""
    found = list(wanted or ())
    for one in found:
        makes = [
            out for out in controller.outputs if out.type is type(one.spec) and one.namespace in (None, out.namespace)
        ]
        if len(makes) != 1:
            raise UndeclaredAccess(
                f"{controller.name} does not declare {type(one.spec).__name__} once", "add it to outputs"
            )
    return found
