"""`config.*`: apply a configuration, and read the one in force.

Applying is planned by `controllers.config.apply_plan` and carried out by writing one resource, `ConfigRequest`; all else
follows from it. The answer comes when STATE holds what is to be kept, so what was accepted survives a power cut; a STATE that
is not there yet is not waited for.

Trap: a node that has a complete configuration but, just after boot, does not serve securely yet must not take a new one
from strangers. So whoever comes through the maintenance door is let in only while nothing complete is there or on its way.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from controllers.machine.operations.table import Nothing, Request, method
from controllers.resources.block import VolumeStatus
from controllers.resources.machine import (
    AcquiredConfiguration,
    ConfigPersistStatus,
    ConfigRequest,
    ConfigStatus,
    MachineConfiguration,
)
from controllers.resources.network import NodeAddress
from controllers.runtime.clock import within
from controllers.runtime.errors import OperationError
from controllers.runtime.resource import new, replace

if TYPE_CHECKING:
    from controllers.config.apply_plan import ApplyPlan
    from controllers.config.problem import Problem
    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method

OWNER = "api"
ID = "config"
LIMIT = 10.0  # seconds until STATE holds a configuration


class Apply(Request, frozen=True, kw_only=True):
    """`mode`: auto, staged or try; `try_timeout` in seconds, 0 is the default; `maintenance`: the caller is not known."""

    data: bytes
    mode: str = "auto"
    dry_run: bool = False
    try_timeout: float = 0.0
    maintenance: bool = False


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table."""
    lock = asyncio.Lock()

    async def apply(request: Apply) -> dict[str, Any]:
        """Plan, and unless there are problems or it is a dry run, carry out. One at a time."""
        async with lock:
            if request.maintenance:
                await _check_door(store)
            plan = await _plan(store, request)
            applied = not plan.problems and not request.dry_run
            lost = await _carry_out(store, ports, plan) if applied else ()
            warnings = await asyncio.to_thread(_warnings, plan, request, ports)
            return render_plan(plan, applied, request.dry_run, [*warnings, *lost])

    async def get(request: Nothing) -> dict[str, str]:
        found = await store.find(MachineConfiguration, "active")
        return {"yaml": found.spec.yaml, "source": found.spec.source} if found else {"yaml": "", "source": ""}

    return [method("config.apply", Apply, apply), method("config.get", Nothing, get)]


async def _check_door(store: Store) -> None:
    """Refuse strangers once there is, or will be in a moment, a complete configuration. Raises `OperationError`."""
    status = await store.find(ConfigStatus, ID)
    if status is None:
        raise OperationError("unavailable", "the node is still looking for its configuration", "try again in a moment")
    request = await store.find(ConfigRequest, ID)
    acquired = await store.find(AcquiredConfiguration, ID)
    complete = status.spec.complete or (acquired is not None and acquired.spec.complete)
    if not complete and request is not None and request.spec.active:
        complete = await asyncio.to_thread(_is_complete, request.spec.active)
    if complete:
        message = "this node has a configuration already; only an administrator may change it"
        hint = "leave out --insecure; the node serves its administrators in a moment"
        raise OperationError("permission_denied", message, hint)


async def _plan(store: Store, request: Apply) -> ApplyPlan:
    from controllers.config import apply_plan

    try:
        text = request.data.decode()
    except UnicodeDecodeError:
        raise OperationError("invalid_argument", "the configuration is not UTF-8 text", "send YAML") from None
    current = await store.find(MachineConfiguration, "active")
    status = await store.find(ConfigStatus, ID)
    addresses = await store.find(NodeAddress, "current")
    return await asyncio.to_thread(
        apply_plan.plan_apply,
        current.spec.yaml if current else "",
        text,
        request.mode,
        status is None or not status.spec.complete,
        node_addresses=addresses.spec.addresses if addresses else (),
        try_seconds=request.try_timeout or apply_plan.TRY_SECONDS,
    )


async def _carry_out(store: Store, ports: Ports, plan: ApplyPlan) -> tuple[str, ...]:
    """Have a plan followed, and return warnings about what the next boot would not find."""
    from controllers.config.acquire import STATE
    from controllers.config.apply_plan import plan_request

    before = await store.find(ConfigRequest, ID)
    wanted = plan_request(plan, before.spec if before else None, ports.clock.now())
    if before is None:
        await store.create(new(ID, wanted, owner=OWNER))
    else:
        await store.update(replace(before, wanted), owner=OWNER)
    state = await store.find(VolumeStatus, STATE)
    if not plan.persistent or state is None or not state.spec.mounted:
        return ()
    limit = LIMIT * ports.patience
    try:
        await within(ports.clock, limit, _wait_until_kept(store, plan.yaml), "STATE to hold the configuration")
    except TimeoutError:
        found = await store.find(ConfigPersistStatus, ID)
        reason = (found.spec.error if found else "") or "nobody has written it"
        return (f"STATE does not hold it after {limit:g} s, the next boot would find what was there before: {reason}",)
    return ()


async def _wait_until_kept(store: Store, yaml: str) -> None:
    """Return once STATE holds a configuration."""
    from controllers.config.persist import find_digest

    wanted = find_digest(yaml)
    async for event in store.watch(ConfigPersistStatus):
        if event.resource is not None and event.resource.spec.digest == wanted:
            return


def _is_complete(yaml: str) -> bool:
    from controllers.config.loader import load
    from controllers.config.validation import is_complete

    return is_complete(load(yaml).documents)


def _warnings(plan: ApplyPlan, request: Apply, ports: Ports) -> list[str]:
    """Return what is valid and yet not what the user may expect."""
    from controllers.config.loader import load
    from controllers.config.validation import is_complete
    from controllers.network.wifi_presence import find_warnings

    if plan.problems:
        return []
    documents = load(plan.yaml or request.data.decode()).documents
    found = list(find_warnings(documents, ports.paths))
    if request.maintenance and not is_complete(documents):
        found.append("the node stays in maintenance mode: the configuration is not complete")
    return found


def render_plan(plan: ApplyPlan, applied: bool, dry_run: bool, warnings: list[str]) -> dict[str, Any]:
    """Return what the API answers, as builtins."""
    details = f"nothing was applied (dry run); without it: {plan.message}" if dry_run and not plan.problems else plan.message
    return {
        "problems": [render_problem(problem) for problem in plan.problems],
        "warnings": warnings,
        "diff": plan.diff,
        "mode_details": details,
        "applied": applied,
    }


def render_problem(problem: Problem) -> dict[str, str]:
    """Return a problem as builtins: `path` is the document and the field in it."""
    field = problem.path if problem.path.startswith("[") or not problem.document else f".{problem.path}"
    path = f"{problem.document}{field if problem.path else ''}"
    return {"path": path, "message": problem.message, "fix": problem.hint}
