"""What the API may ask of the brain: one table of operations by name.

Each file holds the operations of one noun and adds its lines. The API server runs as uid 50 and may call exactly these;
who may ask the API is its own business (roles), with one exception: `reveal` in `state.*` says that the caller may see
secrets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.store import Store
    from controllers.runtime.wire import Method


def methods(store: Store, ports: Ports) -> list[Method]:
    """Return the table for the brain's socket."""
    from controllers.machine.operations import (
        configuration,
        etcd,
        events,
        graph,
        hardware,
        install,
        kernel_log,
        lifecycle,
        memory,
        meta,
        power,
        processes,
        reset,
        services,
        sockets,
        state,
        version,
    )

    nouns = (
        version,
        state,
        configuration,
        power,
        services,
        kernel_log,
        events,
        etcd,
        graph,
        processes,
        sockets,
        memory,
        meta,
        install,
        lifecycle,
        reset,
        hardware,
    )
    return [method for noun in nouns for method in noun.methods(store, ports)]
