"""How a node becomes another version: what was asked for, how it goes, and what the two slots hold."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from controllers.runtime.resource import Spec

LIFECYCLE = "lifecycle"
UPGRADE = "upgrade"
"""Id of the one `UpgradeRequest`, of the one `UpgradeStatus`, and key of the record in META."""

UPLOADED, ROLLBACK = "uploaded", "rollback"
"""Sources that are no address: the bundle that was uploaded, and the other slot as it is."""


class UpgradePhase(StrEnum):
    """How far an upgrade is (docs/lifecycle.md, "Upgrading")."""

    FETCHING = "fetching"
    CHECKING = "checking"
    DRAINING = "draining"
    WRITING = "writing"
    ARMED = "armed"
    VERIFYING = "verifying"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled-back"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether nothing more happens."""
        return self in (UpgradePhase.COMMITTED, UpgradePhase.ROLLED_BACK, UpgradePhase.FAILED)


class UpgradeRequest(Spec, frozen=True, kw_only=True):
    """Somebody wants another version; id `upgrade`, made by the API.

    `request` is another text for every request. `source`: `uploaded`, `rollback`, `https://…` or `oci://…`; `bundle`: the
    SHA-256 of an uploaded bundle. `stage`: wait for the next reboot. `window`: seconds to be healthy in, 0 is the default.
    """

    namespace: ClassVar[str] = LIFECYCLE
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("SOURCE", "source"), ("FORCE", "force"), ("STAGE", "stage"))
    request: str
    source: str
    bundle: str = ""
    force: bool = False
    stage: bool = False
    window: float = 0.0

    @property
    def action(self) -> str:
        """What others are told that this node does."""
        return ROLLBACK if self.source == ROLLBACK else "upgrade"


class UpgradeStatus(Spec, frozen=True, kw_only=True):
    """How the upgrade goes, or how the last one ended; id `upgrade`.

    `step` is what is done now, or where it ended. `progress` from 0 to 1 within the phase. `error` says why it ended.
    """

    namespace: ClassVar[str] = LIFECYCLE
    aliases: ClassVar[tuple[str, ...]] = ("upgrade",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("PHASE", "phase"),
        ("STEP", "step"),
        ("FROM", "from_version"),
        ("TO", "to_version"),
        ("SLOT", "slot"),
        ("ERROR", "error"),
    )
    quiet_fields: ClassVar[frozenset[str]] = frozenset({"progress", "step"})
    phase: UpgradePhase
    request: str = ""
    step: str = ""
    progress: float = 0.0
    from_version: str = ""
    to_version: str = ""
    slot: str = ""
    error: str = ""


class SlotStatus(Spec, frozen=True, kw_only=True):
    """What a slot of the system disk holds; id `a` or `b`.

    `running`: this boot came from it. `next`: the boot loader takes it at the next boot. `tries`: how many tries its boot
    entry has left, None for an entry that has proved itself or that is not there (`entry`). `argument`: what a reboot must
    carry to try it, "" where its entry says that.
    """

    namespace: ClassVar[str] = LIFECYCLE
    aliases: ClassVar[tuple[str, ...]] = ("slot",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("VERSION", "version"),
        ("RUNNING", "running"),
        ("NEXT", "next"),
        ("TRIES", "tries"),
        ("ROOT HASH", "root_hash"),
        ("ERROR", "error"),
    )
    version: str = ""
    root_hash: str = ""
    running: bool = False
    next: bool = False
    entry: bool = False
    tries: int | None = None
    argument: str = ""
    error: str = ""


class Verdict(StrEnum):
    """What the trial of a version has shown so far."""

    PENDING = "pending"
    HEALTHY = "healthy"
    FAILED = "failed"


class TrialStatus(Spec, frozen=True, kw_only=True):
    """How the version that is being tried does; id `trial`, there only while one is.

    `stage` is how far its boot came, `missing` and `reason` what is less healthy than before the upgrade. `deadline` and
    `healthy_since` are monotonic seconds, which on a node are seconds since it booted.
    """

    namespace: ClassVar[str] = LIFECYCLE
    aliases: ClassVar[tuple[str, ...]] = ("trial",)
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("VERDICT", "verdict"),
        ("STAGE", "stage"),
        ("MISSING", "missing"),
        ("REASON", "reason"),
    )
    verdict: Verdict
    stage: str = ""
    missing: str = ""
    reason: str = ""
    deadline: float = 0.0
    healthy_since: float | None = None
