"""`inspect.controllers`: the graph of controllers and resource types, as it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controllers.machine.operations.table import Nothing, method
from controllers.runtime.status import ControllerStatus

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the lines of the table."""

    async def controllers(request: Nothing) -> dict[str, Any]:
        from controllers.runtime.graph import render_dot, render_mermaid

        statuses = {found.id: found.spec for found in await store.list(ControllerStatus)}
        return {
            "edges": render_edges(statuses),
            "dot": render_dot(statuses),
            "mermaid": render_mermaid(statuses),
        }

    return [method("inspect.controllers", Nothing, controllers)]


def render_edges(statuses: dict[str, ControllerStatus]) -> list[dict[str, str]]:
    """Return every declared input and output as builtins."""
    return [
        {
            "controller": name,
            "kind": edge.kind,
            "resource": "/".join(part for part in (edge.namespace, edge.type, edge.id) if part),
        }
        for name, status in sorted(statuses.items())
        for edge in (*status.inputs, *status.outputs)
    ]
