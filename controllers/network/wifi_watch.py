"""One link's wpa_supplicant, followed for ever: connect, ask how it fares, ask again after every event and now and then.

Trap: events come as fast as somebody sends by radio; so after each the rest is let come for a moment, and read at once.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from controllers.network.wifi_control import WifiControl, WifiControlError
from controllers.network.wifi_report import WifiReport, make_report, parse_answer, parse_event
from controllers.runtime.clock import Clock

LOG = logging.getLogger(__name__)
POLL_SECONDS = 15.0
"""The signal is asked for this often; everything else comes as an event."""
PAUSE_SECONDS = 0.25
FIRST_DELAY, LAST_DELAY = 0.5, 10.0
"""Seconds between attempts to connect; doubled each time."""

STOPPED = WifiReport(state="stopped")


class WifiWatch:
    """`report` is what is known; `changed` is called whenever that changes."""

    def __init__(self, path: Path, clock: Clock, changed: Callable[[], None], patience: float = 1.0) -> None:
        self.report = STOPPED
        self._path = path
        self._clock = clock
        self._changed = changed
        self._patience = patience
        self._error = ""

    async def run(self) -> None:
        """Follow until cancelled."""
        delay = FIRST_DELAY
        while True:
            try:
                with WifiControl(self._path, self._clock, self._patience) as control:
                    await control.attach()
                    delay, self._error = FIRST_DELAY, ""
                    await self._follow(control)
            except WifiControlError as error:
                LOG.debug("wpa_supplicant", extra={"socket": self._path.name, "error": str(error)})
            self._show(STOPPED)
            await self._clock.sleep(delay)
            delay = min(delay * 2, LAST_DELAY)

    async def _follow(self, control: WifiControl) -> None:
        while True:
            for event in control.take_events():
                self._error = parse_event(event, self._error)
            status = parse_answer(await control.request("STATUS"))
            connected = status.get("wpa_state") == "COMPLETED"
            signal = parse_answer(await control.request("SIGNAL_POLL")) if connected else {}
            self._error = "" if connected else self._error
            self._show(make_report(status, signal, self._error))
            await control.wait(POLL_SECONDS)
            await self._clock.sleep(PAUSE_SECONDS)

    def _show(self, report: WifiReport) -> None:
        if report != self.report:
            self.report = report
            self._changed()
