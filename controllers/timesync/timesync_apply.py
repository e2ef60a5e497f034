"""TimeSyncController: measure, decide, set the clock, and say whether it can be trusted.

With NTP off, or when no server has answered for `bootTimeout` after the start, the clock as it is (the hardware clock's)
is believed if it is later than the image's build and was not raised to that (floor.py); measuring goes on. A clock that was
right once stays trusted while servers are silent: it drifts by seconds a day, not by years.
"""

import asyncio
from collections.abc import Callable

from controllers.config.documents import TimeSyncConfig
from controllers.network.timeserver_config import TIMESERVERS
from controllers.ports import Ports
from controllers.resources.network import NETWORK, NetworkStatus, TimeServerSpec
from controllers.resources.pki import CertificateRoot
from controllers.resources.timesync import TimeStatus
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.timesync.discipline import Action, choose_sample, decide
from controllers.timesync.floor import ClockFloor
from controllers.timesync.node_clock import NodeClock
from controllers.timesync.packet import KissOfDeath, Sample
from controllers.timesync.query import Query

TIME = "time"
RTC = "rtc"
MAX_SERVERS = 8
FIRST_RETRY, MAX_RETRY = 2.0, 300.0
POLL_SECONDS = 600.0
CONFIRM_SECONDS = 5.0
BLOCKED_SECONDS = 86400.0
"""How long a server that sent a kiss of death is left alone."""
_DEFAULT = TimeSyncConfig()


class TimeSyncController(Controller):
    """TimeSyncConfig, TimeServerSpec and NetworkStatus → the clock → TimeStatus."""

    name = "time.TimeSyncController"
    inputs = (
        Input(TimeSyncConfig),
        Input(TimeServerSpec, NETWORK, id=TIMESERVERS),
        Input(NetworkStatus, id="status"),
        Input(CertificateRoot, id="os"),
    )
    outputs = (Output(TimeStatus),)

    def __init__(self, ports: Ports, clock: NodeClock, query: Query) -> None:
        self._clock = clock
        self._query = query
        self._monotonic = ports.clock.now
        self._patience = ports.patience
        self._floor = ClockFloor(ports.paths, clock)
        self._began = ports.clock.now()
        self._due = 0.0
        self._retry = FIRST_RETRY
        self._pending: float | None = None
        self._blocked: dict[str, float] = {}
        self._servers: tuple[str, ...] = ()
        self._status = TimeStatus(synced=False)

    async def run(self, wake: Callable[[], None]) -> None:
        """Wake once: with NTP off there may be no other event."""
        wake()

    async def reconcile(self, view: View) -> list[Wanted]:
        found = view.find(TimeSyncConfig, "default")
        config = found.spec if found else _DEFAULT
        if (root := view.find(CertificateRoot, "os")) is not None:
            self._floor.raise_to_authority(root.spec.certificate)
        if not config.enabled:
            self._status = self._believe_rtc("")
            return [Wanted(TIME, self._status)]
        servers = view.find(TimeServerSpec, TIMESERVERS)
        network = view.find(NetworkStatus, "status")
        if servers is not None and network is not None and network.spec.address_ready:
            self._take_servers(servers.spec.servers[:MAX_SERVERS])
            if self._monotonic() >= self._due:
                await self._measure()
            view.wake_after(max(self._due - self._monotonic(), 0.1))
        self._give_up_waiting(view, config.boot_timeout)
        return [Wanted(TIME, self._status)]

    def _take_servers(self, servers: tuple[str, ...]) -> None:
        """New servers are asked at once."""
        if servers != self._servers:
            self._servers, self._due, self._retry = servers, 0.0, FIRST_RETRY

    async def _measure(self) -> None:
        samples, errors = await self._ask_all()
        if not samples:
            self._fail("; ".join(errors) or "no NTP server may be asked")
            return
        server, sample = choose_sample(samples)
        decision = decide(sample, self._floor.built, synced=self._synced_by_ntp(), pending=self._pending)
        self._pending = decision.offset if decision.action is Action.WAIT else None
        if decision.action in (Action.WAIT, Action.REFUSE):
            self._fail(f"{server}: {decision.reason}", CONFIRM_SECONDS if decision.action is Action.WAIT else None)
            return
        try:
            self._set(decision.action, sample)
        except OSError as error:
            self._fail(f"the kernel does not let the clock be set: {error.strerror or error}")
            return
        self._floor.confirm()
        self._retry = FIRST_RETRY
        self._due = self._monotonic() + POLL_SECONDS
        self._status = TimeStatus(synced=True, source=server, offset=round(sample.offset, 6))

    def _set(self, action: Action, sample: Sample) -> None:
        if action is Action.STEP:
            self._clock.step(sample.offset)
        else:
            self._clock.slew(sample.offset)
        self._clock.mark_synchronised(sample.delay / 2)

    async def _ask_all(self) -> tuple[list[tuple[str, Sample]], list[str]]:
        """Ask every server that may be asked, at once; return samples and errors."""
        now = self._monotonic()
        asked = [server for server in self._servers if self._blocked.get(server, 0.0) <= now]
        answers = await asyncio.gather(*(self._query(server) for server in asked), return_exceptions=True)
        samples, errors = [], []
        for server, answer in zip(asked, answers, strict=True):
            if isinstance(answer, Sample):
                samples.append((server, answer))
            elif isinstance(answer, (OSError, ValueError)):
                errors.append(f"{server}: {str(answer) or 'no answer'}")
            else:
                raise answer
            if isinstance(answer, KissOfDeath):
                self._blocked[server] = now + BLOCKED_SECONDS
        return samples, errors

    def _fail(self, error: str, again: float | None = None) -> None:
        """Note what went wrong and when to ask again."""
        self._due = self._monotonic() + (again or self._retry)
        if again is None:
            self._retry = min(self._retry * 2, MAX_RETRY)
        self._status = TimeStatus(
            synced=self._status.synced, source=self._status.source, offset=self._status.offset, error=error
        )

    def _give_up_waiting(self, view: View, boot_timeout: float) -> None:
        """Believe the hardware clock once the time-out is over."""
        if self._status.synced or boot_timeout == 0:
            return
        left = self._began + boot_timeout * self._patience - self._monotonic()
        if left > 0:
            view.wake_after(left)
        else:
            self._status = self._believe_rtc(self._status.error or "no network to ask an NTP server over")

    def _believe_rtc(self, error: str) -> TimeStatus:
        if self._clock.wall() > self._floor.built and not self._floor.guessed:
            return TimeStatus(synced=True, source=RTC, error=error)
        late = "the hardware clock is before this image was built, or there is none: only NTP can set it"
        return TimeStatus(synced=False, error=f"{error}; {late}" if error else late)

    def _synced_by_ntp(self) -> bool:
        return self._status.synced and self._status.source != RTC
