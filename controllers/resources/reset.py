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
    """What is done now. `continuing`: one that was cut off in an earlier boot; `incomplete`: that, and it goes no further by
    itself; `refused`: what META says of one cannot be believed, and the node goes on without it.
    """

    PLANNED = "planned"
    DRAINING = "draining"
    LEAVING = "leaving"
    STOPPING = "stopping"
    FAILED = "failed"
    CONTINUING = "continuing"
    INCOMPLETE = "incomplete"
    REFUSED = "refused"


class ResetRequest(Spec, frozen=True, kw_only=True):
    """Somebody wants (parts of) this node destroyed; id `reset`, made by the API and gone after a reboot.

    `request` is another text for every request. `system_volumes`: labels, none = all. `user_disks`: whole disks by path; none =
    the user volumes on every disk. `limit`: seconds that erasing may take, 0 = by size. `forget`: end the reset that was cut
    off instead, whatever of it is still readable.
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
    forget: bool = False


class ResetStatus(Spec, frozen=True, kw_only=True):
    """How far a reset is; id `reset`. `steps` is the plan in words; `skipped` what of the graceful part did not work out.

    What PID 1's last program does after `stopping` is seen on the console only. Of one that was cut off in an earlier boot:
    `tries`, how often it was continued; `readable`, what of people's data may still be there.
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
    tries: int = 0
    readable: tuple[str, ...] = ()


class ResetHold(Spec, frozen=True, kw_only=True):
    """Whether volumes are left alone because a reset is not over; id `reset`. Without it nobody knows yet, and they are, too.

    `state_stays`: STATE is not destroyed, so it is used all the same. `reason`: for people, also why nothing is known.
    """

    namespace: ClassVar[str] = LIFECYCLE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("HELD", "held"), ("REASON", "reason"))
    held: bool = False
    state_stays: bool = False
    reason: str = ""
