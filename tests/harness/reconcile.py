"""Run one `reconcile` of a pure controller on a list of resources: unit tests in one line.

wanted = run_reconcile(HostnameMergeController(), [new("default", HostnameConfig(hostname="a"))])
"""

import inspect
from collections.abc import Iterable
from typing import Any

from controllers.runtime.controller import Controller, Wanted, get_output, make_view
from controllers.runtime.resource import Resource


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
    result = controller.reconcile(make_view(controller, resources, own, now))
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
    result = controller.reconcile(make_view(controller, resources, own, now))
    return _checked(controller, await result if inspect.isawaitable(result) else result)


def _checked(controller: Controller, wanted: Iterable[Wanted] | None) -> list[Wanted]:
    """Return what is wanted as a list, after checking that the controller declares it."""
    found = list(wanted or ())
    for one in found:
        get_output(controller, one)
    return found
