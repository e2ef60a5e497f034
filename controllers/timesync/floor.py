"""The clock is never before the image's build, nor before the configuration's authority was made.

A machine without a battery (every Raspberry Pi up to the 4) begins in 1970. Model: such a clock is raised before the first
certificate is made, and from then on it is a guess until NTP has set it: it moves on like any clock, so nobody could tell by
looking at it. A file in /run says so, also to the next brain.
Trap: the API believes only certificates that are valid by this clock, and the administrator's is younger than the image.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from controllers.pki.authority import BACKDATE, PkiError, lifetime
from controllers.ports import Paths, Ports
from controllers.timesync.node_clock import NodeClock
from controllers.timesync.release import read_built

log = logging.getLogger("timesync")


def raise_clock(ports: Ports, clock: NodeClock) -> None:
    """Raise the machine's clock to the image's build, before anything looks at it. In namespaces it is the host's."""
    if ports.cmdline.get("ophite.platform") != "namespaces":
        ClockFloor(ports.paths, clock).raise_to_build()


class ClockFloor:
    """The lower bound of a node's clock. `built`: when the image was built, in seconds since the epoch."""

    def __init__(self, paths: Paths, clock: NodeClock) -> None:
        self.built = read_built(paths)
        self._clock = clock
        self._guess = paths.run / "clock-is-a-guess"

    @property
    def guessed(self) -> bool:
        """Whether the clock was raised, and not set since."""
        return self._guess.exists()

    def raise_to_build(self) -> None:
        """Raise a clock that is before the image's build. A kernel that does not let it be set is logged."""
        self._raise(self.built, "the image was built")

    def raise_to_authority(self, certificate: str) -> None:
        """Raise a clock that is a guess to when an authority (PEM) was made. The writer of a configuration had a clock."""
        if self.guessed:
            with suppress(PkiError):
                self._raise(lifetime(certificate).not_before + BACKDATE, "the configuration's authority was made")

    def confirm(self) -> None:
        """Note that the clock is no guess any more."""
        self._guess.unlink(missing_ok=True)

    def _raise(self, least: float, why: str) -> None:
        before = self._clock.wall()
        if before >= least:
            return
        try:
            self._guess.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._guess.touch()
            self._clock.step(least - before)
        except OSError as error:
            log.warning("the clock cannot be raised", extra={"error": str(error)})
        else:
            log.warning("the clock was wrong and is raised", extra={"to": int(least), "when": why})
