"""`power`: reboot or power off, as a resource that the machine's power controller carries out.

Refused where it would cost etcd its quorum, and while another member is away, unless forced. The power button and
ctrl-alt-del go to PID 1 and ask nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controllers.machine.operations.table import Request, method
from controllers.machine.operations.version import find_boot_id
from controllers.resources.machine import PowerRequest
from controllers.runtime.errors import AlreadyExists, OperationError
from controllers.runtime.resource import new

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method

ID = "power"
OWNER = "api"
REASON_LIMIT = 200  # characters


class Power(Request, frozen=True, kw_only=True):
    """`action`: `reboot` or `poweroff`; `force`: whatever etcd says, and at once when one is under way already."""

    action: str
    reason: str = ""
    force: bool = False


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table."""

    async def power(request: Power) -> dict[str, str]:
        """Ask for it and return the id of the boot that ends. The same request again is fine, another one is refused."""
        if request.action not in ("reboot", "poweroff"):
            raise OperationError("invalid_argument", f"unknown action {request.action[:32]!r}", "reboot or poweroff")
        await _check(store, request, ports)
        wanted = PowerRequest(action=request.action, reason=request.reason[:REASON_LIMIT])
        try:
            await store.create(new(ID, wanted, owner=OWNER))
        except AlreadyExists:
            await _check_same(store, request.action)
            if request.force:
                await _force(ports, request.action)
        return {"boot_id": await find_boot_id(store, ports.paths.proc)}

    return [method("power", Power, power)]


async def _check(store: Store, request: Power, ports: Ports) -> None:
    """Refuse what etcd would not survive; a shutdown that is under way already costs nothing more."""
    from controllers.etcd.quorum import check_quorum

    if await store.find(PowerRequest, ID) is None:
        await check_quorum(store, request.force, action=request.action, clock=ports.clock, patience=ports.patience)


async def _force(ports: Ports, action: str) -> None:
    """Have PID 1 end the shutdown that is under way now. Raises `OperationError` when it does not answer."""
    from controllers.machine.operations.services import asking
    from controllers.services.supervisor import Supervisor

    with asking():
        await Supervisor(ports.paths.control_socket).power(action, force=True)


async def _check_same(store: Store, action: str) -> None:
    found = await store.find(PowerRequest, ID)
    if found is not None and found.spec.action != action:
        raise OperationError("failed_precondition", f"the machine is about to {found.spec.action} already")
