"""`services.*`: what PID 1 runs, and what it kept of its output.

PID 1 is asked itself, so that its own two processes are in the list and the answer is never older than the question;
health comes from the resources.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from controllers.machine.operations.table import Nothing, Request, method
from controllers.resources.services import ServiceHealth
from controllers.runtime.errors import OperationError

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method
    from controllers.services.supervisor import ServiceState, Supervisor


class Named(Request, frozen=True, kw_only=True):
    """`id`: a service."""

    id: str


class Logs(Request, frozen=True, kw_only=True):
    """`tail_bytes`: how much of the end of what is kept; 0 is all."""

    id: str
    follow: bool = False
    tail_bytes: int = 0


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table."""

    def supervisor() -> Supervisor:
        from controllers.services.supervisor import Supervisor

        return Supervisor(ports.paths.control_socket)

    async def list_(request: Nothing) -> list[dict[str, Any]]:
        with asking():
            states = await supervisor().list()
        health = {found.id: found.spec for found in await store.list(ServiceHealth)}
        return [render_service(state, health.get(state.id)) for state in states]

    async def restart(request: Named) -> None:
        with asking():
            await check_service(supervisor(), request.id)
            await supervisor().restart(request.id)

    async def logs(request: Logs) -> AsyncIterator[bytes]:
        with asking():
            await check_service(supervisor(), request.id)
            async for chunk in supervisor().logs(request.id, request.follow, max(0, request.tail_bytes)):
                yield chunk

    return [
        method("services.list", Nothing, list_),
        method("services.restart", Named, restart),
        method("services.logs", Logs, logs),
    ]


@contextmanager
def asking() -> Iterator[None]:
    """Make PID 1's refusals and silence into errors that a caller of the API understands."""
    from controllers.services.errors import ControlError

    try:
        yield
    except ControlError as error:
        raise OperationError("unavailable", error.message, error.hint) from None


async def check_service(supervisor: Supervisor, id_: str) -> None:
    """Raise `OperationError` with the names that there are when there is no such service."""
    known = sorted(state.id for state in await supervisor.list())
    if id_ not in known:
        hint = f"there are: {', '.join(known)}"
        raise OperationError("not_found", f"there is no service {id_[:64]!r}", hint)


def render_service(state: ServiceState, health: ServiceHealth | None) -> dict[str, Any]:
    """Return a service as builtins."""
    message = health.message if health is not None and not health.healthy else state.exit
    return {
        "id": state.id,
        "state": state.state,
        "pid": state.pid,
        "restarts": state.restarts,
        "health": "" if health is None else "healthy" if health.healthy else "unhealthy",
        "message": message,
    }
