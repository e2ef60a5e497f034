"""The clock is measured, set and trusted, on a clock that moves only when told to."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from controllers.config.documents import TimeSyncConfig
from controllers.ports import Paths, Ports
from controllers.resources.network import NetworkStatus, TimeServerSpec
from controllers.resources.timesync import TimeStatus
from controllers.runtime.resource import Resource, new
from controllers.timesync import controllers
from controllers.timesync.packet import KissOfDeath, Sample
from controllers.timesync.timesync_apply import BLOCKED_SECONDS, CONFIRM_SECONDS, POLL_SECONDS, TimeSyncController
from tests.harness.clock import FakeClock
from tests.harness.reconcile import run_reconcile_async

BUILT = 1_700_000_000
NETWORK = new("status", NetworkStatus(address_ready=True))


class FakeNodeClock:
    """Writes down what is done to it."""

    def __init__(self, wall: float) -> None:
        self.now = wall
        self.done: list[str] = []
        self.refuse = False

    def wall(self) -> float:
        return self.now

    def step(self, offset: float) -> None:
        if self.refuse:
            raise PermissionError(1, "Operation not permitted")
        self.now += offset
        self.done.append(f"step {offset:g}")

    def slew(self, offset: float) -> None:
        self.done.append(f"slew {offset:g}")

    def mark_synchronised(self, error: float) -> None:
        self.done.append("marked")


class Lab:
    """A controller with fakes around it; `answers` by server: an offset or an error."""

    def __init__(self, tmp_path: Path, wall: float = 1_800_000_000.0) -> None:
        paths = Paths(tmp_path)
        paths.release.parent.mkdir(parents=True, exist_ok=True)
        paths.release.write_text(f'{{"built": {BUILT}}}')
        self.clock = FakeClock()
        self.node = FakeNodeClock(wall)
        self.answers: dict[str, float | Exception] = {}
        self.asked: list[str] = []
        self.own: list[Resource[Any]] = []
        self.controller = TimeSyncController(Ports(clock=self.clock, paths=paths), self.node, self.query)

    async def query(self, server: str) -> Sample:
        self.asked.append(server)
        answer = self.answers.get(server, TimeoutError())
        if isinstance(answer, Exception):
            raise answer
        return Sample(offset=answer, delay=0.02, stratum=2, server_time=self.node.now + answer)

    async def status(self, *resources: Resource[Any], servers: tuple[str, ...] = ("a",)) -> TimeStatus:
        given = [*resources, new("timeservers", TimeServerSpec(servers=servers), namespace="network")]
        (wanted,) = await run_reconcile_async(self.controller, given, now=self.clock.now())
        assert isinstance(wanted.spec, TimeStatus)
        return wanted.spec


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


async def test_a_far_clock_is_stepped_and_a_near_one_slewed(lab: Lab) -> None:
    lab.answers["a"] = 3600.0
    assert await lab.status(NETWORK) == TimeStatus(synced=True, source="a", offset=3600.0)
    lab.answers["a"] = 0.2
    await lab.status(NETWORK)
    assert lab.asked == ["a"]
    await lab.clock.advance(POLL_SECONDS)
    assert await lab.status(NETWORK) == TimeStatus(synced=True, source="a", offset=0.2)
    assert lab.node.done == ["step 3600", "marked", "slew 0.2", "marked"]


async def test_nothing_is_asked_without_network(lab: Lab) -> None:
    assert await lab.status() == TimeStatus(synced=False)
    assert await lab.status(new("status", NetworkStatus())) == TimeStatus(synced=False)
    assert lab.asked == []


async def test_a_spike_is_confirmed_before_it_is_followed(lab: Lab) -> None:
    lab.answers["a"] = 0.0
    await lab.status(NETWORK)
    lab.answers["a"] = 500.0
    await lab.clock.advance(POLL_SECONDS)
    status = await lab.status(NETWORK)
    assert status.synced
    assert "to be confirmed" in status.error
    assert not [line for line in lab.node.done if line.startswith("step")]
    await lab.clock.advance(CONFIRM_SECONDS)
    assert (await lab.status(NETWORK)).error == ""
    assert lab.node.done[-2] == "step 500"


async def test_silent_servers_are_asked_with_backoff(lab: Lab) -> None:
    config = new("default", TimeSyncConfig(boot_timeout=0))
    times: list[float] = []
    for _ in range(100):
        before = len(lab.asked)
        status = await lab.status(NETWORK, config)
        assert (status.synced, status.error) == (False, "a: no answer")
        times += [lab.clock.now()] * (len(lab.asked) - before)
        await lab.clock.advance(1)
    assert [later - sooner for sooner, later in itertools.pairwise(times)] == [2, 4, 8, 16, 32]


async def test_the_hardware_clock_is_believed_after_the_time_out(lab: Lab) -> None:
    config = new("default", TimeSyncConfig(boot_timeout=30))
    assert not (await lab.status(config)).synced
    await lab.clock.advance(31)
    status = await lab.status(config)
    assert (status.synced, status.source) == (True, "rtc")
    assert "no network" in status.error
    lab.answers["a"] = 100.0
    assert await lab.status(config, NETWORK) == TimeStatus(synced=True, source="a", offset=100.0)
    assert lab.node.done == ["step 100", "marked"]


@pytest.mark.parametrize(("wall", "synced"), [(BUILT + 1.0, True), (BUILT - 1.0, False), (0.0, False)])
async def test_without_ntp_the_hardware_clock_counts_if_later_than_the_build(tmp_path: Path, wall: float, synced: bool) -> None:
    lab = Lab(tmp_path, wall)
    status = await lab.status(NETWORK, new("default", TimeSyncConfig(enabled=False)))
    assert (status.synced, status.source) == (synced, "rtc" if synced else "")
    assert bool(status.error) is not synced
    assert lab.asked == []


async def test_time_before_the_build_is_never_taken(lab: Lab) -> None:
    lab.answers["a"] = -1e9
    status = await lab.status(NETWORK)
    assert not status.synced
    assert "before this image was built" in status.error
    assert lab.node.done == []


async def test_a_server_that_refuses_is_left_alone_for_a_day(lab: Lab) -> None:
    lab.answers |= {"a": KissOfDeath("DENY"), "b": 0.1}
    assert (await lab.status(NETWORK, servers=("a", "b"))).source == "b"
    await lab.clock.advance(POLL_SECONDS)
    await lab.status(NETWORK, servers=("a", "b"))
    assert lab.asked == ["a", "b", "b"]
    await lab.clock.advance(BLOCKED_SECONDS)
    await lab.status(NETWORK, servers=("a", "b"))
    assert lab.asked[3:] == ["a", "b"]


async def test_a_kernel_that_refuses_is_told(lab: Lab) -> None:
    lab.answers["a"], lab.node.refuse = 50.0, True
    status = await lab.status(NETWORK)
    assert (status.synced, status.error) == (False, "the kernel does not let the clock be set: Operation not permitted")


async def test_new_servers_are_asked_at_once(lab: Lab) -> None:
    await lab.status(NETWORK)
    await lab.status(NETWORK, servers=("b",))
    assert lab.asked == ["a", "b"]


async def test_the_domain_can_be_made() -> None:
    assert [controller.name for controller in controllers(Ports())] == ["time.TimeSyncController"]
