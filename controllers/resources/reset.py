"""The end of a node's life as it is: what shall be destroyed, and how far that is."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from controllers.runtime.resource import Spec

RESET = "reset"
"""Id of the one `ResetRequest` and of the one `ResetStatus`."""
LIFECYCLE = "lifecycle"


class ResetMode(StrEnum):
    """What is destroyed: volumes of the node itself, volumes and disks of the user, or both."""

    SYSTEM = "system"
    USER_DISKS = "user-disks"
    ALL = "all"


class AfterReset(StrEnum):
    """How it ends. `maintenance`: a reboot without a configuration."""

    REBOOT = "reboot"
    POWEROFF = "poweroff"
    MAINTENANCE = "maintenance"


class ResetPhase(StrEnum):
    """What is done now."""

    PLANNED = "planned"
    DRAINING = "draining"
    LEAVING = "leaving"
    STOPPING = "stopping"
    FAILED = "failed"


class ResetRequest(Spec, frozen=True, kw_only=True):
    """Somebody wants (parts of) this node destroyed; id `reset`, made by the API and gone after a reboot.

    `request` is another text for every request. `system_volumes`: labels, none = all. `user_disks`: whole disks by path; none =
    the user volumes on every disk. `limit`: seconds that erasing may take, 0 = by size.
    """

    namespace: ClassVar[str] = LIFECYCLE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("MODE", "mode"), ("THEN", "then"), ("GRACEFUL", "graceful"))
    request: str = ""
    mode: ResetMode = ResetMode.SYSTEM
    system_volumes: tuple[str, ...] = ()
    user_disks: tuple[str, ...] = ()
    graceful: bool = True
    then: AfterReset = AfterReset.REBOOT
    limit: float = 0.0
    force: bool = False


class ResetStatus(Spec, frozen=True, kw_only=True):
    """How far a reset is; id `reset`. `steps` is the plan in words; `skipped` what of the graceful part did not work out.

    What PID 1's last program does after `stopping` is seen on the console only.
    """

    namespace: ClassVar[str] = LIFECYCLE
    aliases: ClassVar[tuple[str, ...]] = ("reset",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("PHASE", "phase"), ("STEP", "step"), ("ERROR", "error"))
    phase: ResetPhase
    request: str = ""
    step: str = ""
    steps: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    error: str = ""
