"""`reset`: destroy (parts of) this node, as a resource that the reset controller carries out.

Everything that speaks against it is said here, before a resource exists: a plan that makes no sense, disks that are not
there, a cluster that would be lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from controllers.machine.operations.power import ID as POWER
from controllers.machine.operations.table import Request, method
from controllers.resources.block import DiscoveredVolume, Disk
from controllers.resources.machine import PlatformInfo, PowerRequest, ShutdownNotice
from controllers.resources.meta import MetaStatus, MetaValue
from controllers.resources.reset import RESET, AfterReset, ResetMode, ResetPhase, ResetRequest, ResetStatus
from controllers.runtime.errors import OperationError
from controllers.runtime.resource import new, replace

if TYPE_CHECKING:
    from controllers.block.wipe_plan import WipePlan
    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method

OWNER = "api"
NAMES_MAX = 64


class Reset(Request, frozen=True, kw_only=True):
    """As `ResetRequest`. `plan_only`: say what would be destroyed, and do nothing."""

    mode: ResetMode = ResetMode.SYSTEM
    system_volumes: tuple[str, ...] = ()
    user_disks: tuple[str, ...] = ()
    graceful: bool = True
    then: AfterReset = AfterReset.REBOOT
    limit: float = 0.0
    force: bool = False
    forget: bool = False
    plan_only: bool = False


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table."""

    async def reset(request: Reset) -> dict[str, Any]:
        """Check, and unless it is only to be planned, begin. Returns the plan in words, its limit in seconds, its name."""
        wanted = _resource(request)
        plan = await _plan(store, wanted, ports.patience)
        if not request.plan_only:
            await _check(store, wanted, ports)
            await _begin(store, wanted)
        name = "" if request.plan_only else wanted.request
        return {"steps": [step.describe() for step in plan.steps], "limit": plan.limit, "request": name}

    return [method("reset", Reset, reset)]


def _resource(request: Reset) -> ResetRequest:
    from controllers.lifecycle.reset_plan import LIMIT_MAX

    if not 0 <= request.limit <= LIMIT_MAX:
        raise OperationError("invalid_argument", f"a limit of {request.limit:g} s", f"0 to {LIMIT_MAX:g} s; 0 goes by size")
    if len(request.system_volumes) + len(request.user_disks) > NAMES_MAX:
        raise OperationError("invalid_argument", f"more than {NAMES_MAX} volumes and disks", "name fewer")
    return ResetRequest(
        request=uuid4().hex,
        mode=request.mode,
        system_volumes=request.system_volumes,
        user_disks=request.user_disks,
        graceful=request.graceful,
        then=request.then,
        limit=request.limit,
        force=request.force,
        forget=request.forget,
    )


async def _plan(store: Store, wanted: ResetRequest, patience: float) -> WipePlan:
    """Return the plan for what is on the disks now. Raises `OperationError`."""
    from controllers.lifecycle.reset_plan import plan_reset
    from controllers.lifecycle.reset_record import KEY
    from controllers.lifecycle.reset_rest import plan_forget

    platform = await store.find(PlatformInfo, "platform")
    if platform is not None and platform.spec.platform == "namespaces":
        message = "a node in namespaces has no disks of its own"
        raise OperationError("failed_precondition", message, "whoever started it destroys it: ophite cluster destroy")
    disks = {one.id: one.spec for one in await store.list(Disk)}
    volumes = {one.id: one.spec for one in await store.list(DiscoveredVolume)}
    if wanted.forget:
        value, meta = await store.find(MetaValue, KEY), await store.find(MetaStatus, "meta")
        return plan_forget(value.spec.value if value else None, disks, volumes, patience, meta.spec.place if meta else "")
    return plan_reset(wanted, disks, list(volumes.values()), patience)


async def _check(store: Store, wanted: ResetRequest, ports: Ports) -> None:
    """Refuse what etcd would not survive, and what comes too late. Raises `OperationError`."""
    from controllers.etcd.quorum import Absence, check_quorum
    from controllers.lifecycle.reset_plan import destroys

    asked, begun = await store.find(PowerRequest, POWER), await store.find(ShutdownNotice, "init")
    if asked is not None or begun is not None:
        raise OperationError("failed_precondition", "the machine is shutting down already", "reset it after it is back")
    absence = Absence.AWAY
    if not wanted.forget and destroys(wanted, "EPHEMERAL"):
        absence = Absence.LEAVES if wanted.graceful else Absence.LOST
    await check_quorum(store, wanted.force, action="reset", clock=ports.clock, absence=absence, patience=ports.patience)


async def _begin(store: Store, wanted: ResetRequest) -> None:
    """Make the resource, or another one of it after one that failed. Raises `OperationError`."""
    found, status = await store.find(ResetRequest, RESET), await store.find(ResetStatus, RESET)
    if found is None:
        await store.create(new(RESET, wanted, owner=OWNER))
        return
    failed = status is not None and status.spec.phase is ResetPhase.FAILED and status.spec.request == found.spec.request
    if not failed:
        raise OperationError("already_exists", "a reset is under way", "watch it: ophite get resetstatus")
    await store.update(replace(found, wanted), owner=OWNER)
