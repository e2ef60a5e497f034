"""The installation of a node on its disk."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from controllers.runtime.resource import Spec

INSTALL = "install"


class InstallPhase(StrEnum):
    """How far the installation is. `IGNORED`: the node runs from its disk, or nobody wants one."""

    IGNORED = "ignored"
    WAITING = "waiting"
    RUNNING = "running"
    FAILED = "failed"
    INSTALLED = "installed"
    ALREADY_INSTALLED = "already-installed"


class InstallRequest(Spec, frozen=True, kw_only=True):
    """Somebody asked for an installation, or to try it again; id `install`, made by the API.

    `disk`: path of a disk instead of the configuration's selector; `wipe`: overwrite it although it holds something;
    `image`: an https URL of a bundle instead of the medium's; `requested`: seconds since the epoch, so that asking again is
    another request.
    """

    namespace: ClassVar[str] = INSTALL
    columns: ClassVar[tuple[tuple[str, str], ...]] = (("DISK", "disk"), ("WIPE", "wipe"), ("IMAGE", "image"))
    disk: str = ""
    wipe: bool = False
    image: str = ""
    requested: float = 0.0


class InstallStatus(Spec, frozen=True, kw_only=True):
    """How the installation goes; id `install`. `progress` in per cent of the whole, `rate` in MB/s (10^6) of the root image.

    `message` says what happens or, when it failed, why and what to do; `requested`: which `InstallRequest` this answers, 0:
    none.
    """

    namespace: ClassVar[str] = INSTALL
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("PHASE", "phase"),
        ("DISK", "disk"),
        ("STEP", "step"),
        ("PROGRESS", "progress"),
        ("MB/S", "rate"),
        ("MESSAGE", "message"),
    )
    quiet_fields: ClassVar[frozenset[str]] = frozenset({"progress", "rate"})
    phase: InstallPhase
    disk: str = ""
    version: str = ""
    step: str = ""
    progress: int = 0
    rate: int = 0
    message: str = ""
    requested: float = 0.0
