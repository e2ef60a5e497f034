"""ServiceSpec → PID 1's wanted table.

Problem: PID 1 stops what is not in the table, but a brain that has just started computes its services one after the
other, and etcd, containerd and kubelet must not notice that it was away.
Model: what already ran when this brain first looked is *adopted*: its id goes into `keep` until its ServiceSpec has
been seen once. From then on the spec decides, so a service goes away only because its controller withdrew it.
Trap: a spec must therefore come out byte for byte the same after a restart of the brain, or PID 1 restarts the service.
"""

import hashlib
from typing import Any

import msgspec

from controllers.ports import Ports
from controllers.resources.services import ServiceSpec
from controllers.runtime.controller import STRONG, Controller, Input, View
from controllers.runtime.errors import Waiting
from controllers.services.errors import ControlError
from controllers.services.supervisor import Supervisor

RESERVED = frozenset({"controllers", "api"})
"""PID 1's own two processes."""

RESTART_ON = "OPHITE_RESTART_ON"
"""Environment variable that carries the hash of `restart_on`: PID 1 compares whole specs, so a change restarts."""


class SupervisorApplyController(Controller):
    """Every ServiceSpec in, one `apply` out."""

    name = "services.SupervisorApplyController"
    inputs = (Input(ServiceSpec, kind=STRONG),)
    timeout = 60.0

    def __init__(self, ports: Ports, supervisor: Supervisor | None = None) -> None:
        self._supervisor = supervisor or Supervisor(ports.paths.control_socket, 10.0 * ports.patience)
        self._adopted: set[str] | None = None
        """Ids that ran before this brain and whose specs it has not seen; None until it has looked."""

    async def reconcile(self, view: View) -> None:
        """Send the table. Raises `Waiting` while PID 1 does not answer or refuses."""
        specs = {r.id: r.spec for r in view.list(ServiceSpec)}
        try:
            if self._adopted is None:
                self._adopted = {state.id for state in await self._supervisor.list()} - RESERVED
            keep = self._adopted - specs.keys()
            await self._supervisor.apply([render_service(id_, spec) for id_, spec in specs.items()], keep)
        except ControlError as error:
            view.wake_after(2.0)
            raise Waiting(f"PID 1: {error}") from error
        self._adopted = keep


def render_service(id_: str, spec: ServiceSpec) -> dict[str, Any]:
    """Return the JSON object that PID 1 takes for a service: its fields, `restart_on` folded into the environment."""
    fields: dict[str, Any] = msgspec.to_builtins(spec)
    restart_on = fields.pop("restart_on")
    if restart_on:
        digest = hashlib.sha256("\0".join(restart_on).encode()).hexdigest()[:16]
        fields["env"] = {**fields["env"], RESTART_ON: digest}
    return {"id": id_, **fields}
