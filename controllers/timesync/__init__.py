"""The clock: is it right, and who says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.controller import Controller


def controllers(ports: Ports) -> list[Controller]:
    """Return the controllers of this domain."""
    from controllers.timesync.node_clock import KernelNodeClock
    from controllers.timesync.query import SntpQuery
    from controllers.timesync.timesync_apply import TimeSyncController

    return [TimeSyncController(ports, KernelNodeClock(), SntpQuery(ports.clock, ports.patience))]
