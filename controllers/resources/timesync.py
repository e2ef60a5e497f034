"""The clock."""

from __future__ import annotations

from typing import ClassVar

from controllers.runtime.resource import Spec


class TimeStatus(Spec, frozen=True, kw_only=True):
    """Whether the clock can be trusted; id `time`. `offset` in seconds as last measured, `source` a server, `rtc` or empty."""

    namespace: ClassVar[str] = "time"
    columns: ClassVar[tuple[tuple[str, str], ...]] = (
        ("SYNCED", "synced"),
        ("SOURCE", "source"),
        ("OFFSET", "offset"),
        ("ERROR", "error"),
    )
    synced: bool
    source: str = ""
    offset: float = 0.0
    error: str = ""
