"""How a node changes versions and ends: bundles, slots, boot entries, upgrade, rollback, reset."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controllers.ports import Ports
    from controllers.runtime.controller import Controller


def controllers(ports: Ports) -> list[Controller]:
    """Return this domain's controllers. Imports them here, so that importing the package costs nothing."""
    return []
