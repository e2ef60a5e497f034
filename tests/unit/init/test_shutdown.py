"""The way down: order, limits, what is unmounted."""

from functools import partial
from typing import Any

import pytest

from init import shutdown
from init.events import EventLoop
from init.linux.kmsg import Log
from init.linux.mount import parse_mountinfo, plan_unmount
from init.linux.power import PowerAction
from init.shutdown import Last, Shutdown, Step, plan_end
from init.supervisor import Settings

MOUNTS = """\
1 0 254:3 / / ro - erofs /dev/dm-0 ro
2 1 0:2 / /proc rw - proc proc rw
3 1 0:3 / /sys rw - sysfs sysfs rw
4 3 0:4 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
5 1 0:5 / /run rw - tmpfs tmpfs rw
6 1 0:6 / /var rw - ext4 /dev/vda7 rw
7 6 0:7 / /var/lib/kubelet/pods/x rw - tmpfs tmpfs rw
8 5 0:8 / /run/containerd/rootfs rw - overlay overlay rw
9 1 0:9 / /dev rw - devtmpfs devtmpfs rw
10 9 0:10 / /dev/shm rw - tmpfs tmpfs rw
11 1 0:11 / /system rw - ext4 /dev/vda8 rw
"""


class World:
    """What a shutdown asks of the supervisor."""

    def __init__(self, *, drains: bool, patience: int = 1) -> None:
        self.now, self.sent, self.stopped = 0.0, list[dict[str, Any]](), 0
        self.loop = EventLoop(Log(2, plain=True), lambda: self.now)
        self.log, self.settings = self.loop.log, Settings(patience=patience)
        self.services: dict[str, object] = {"etcd": object()}
        self.connections = [type("Connection", (), {"drains": drains})()]
        self.control = self
        self.broadcast = self.sent.append

    def stop_all(self) -> None:
        self.stopped += 1

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.loop.turn(0)


def begin(world: Any) -> Shutdown:
    way_down = Shutdown(world, PowerAction.REBOOT)
    way_down.begin()
    return way_down


def test_without_a_drainer_services_stop_at_once() -> None:
    world = World(drains=False)
    way_down = begin(world)
    assert world.sent == [{"event": "shutdown", "action": "reboot", "step": "stop services", "limit": 90.0}]
    assert world.stopped == 1
    assert world.loop.running
    way_down.services_stopped()
    assert not world.loop.running


def test_a_drainer_is_waited_for_but_not_for_ever() -> None:
    world = World(drains=True, patience=2)
    begin(world)
    assert world.sent == [{"event": "shutdown", "action": "reboot", "step": "drain", "limit": 60.0}]
    world.advance(59)
    assert world.stopped == 0
    world.advance(2)
    assert world.stopped == 1
    world.advance(179)
    assert world.loop.running
    world.advance(2)
    assert not world.loop.running


def test_who_drains_says_so_once() -> None:
    world = World(drains=True)
    way_down = begin(world)
    way_down.drained()
    way_down.drained()
    world.advance(40)
    assert world.stopped == 1


def test_without_services_it_ends_at_once() -> None:
    world = World(drains=False)
    world.services = {}
    begin(world)
    assert not world.loop.running


def test_mounts_go_in_reverse_and_the_kernels_stay() -> None:
    targets = [item.target for item in plan_unmount(parse_mountinfo(MOUNTS))]
    assert targets == ["/system", "/run/containerd/rootfs", "/var/lib/kubelet/pods/x", "/var"]


LAST = Last(("/usr/bin/wipe", "vda"), 700.0)


def test_a_namespace_keeps_its_mounts_and_every_step_has_a_limit() -> None:
    names = ["end every process", "sync", "unmount", "close encrypted volumes"]
    assert [step.name for step in plan_end(Settings())] == names
    assert [step.name for step in plan_end(Settings(namespaces=True))] == names[:1]
    assert all(0 < step.limit <= 30 for step in plan_end(Settings()))
    assert all(30 <= step.limit <= 90 for step in plan_end(Settings(patience=3)))


def test_the_last_program_comes_when_nothing_is_mounted_and_keeps_its_own_limit() -> None:
    plan = plan_end(Settings(patience=3), LAST)
    assert (plan[-1].name, plan[-1].limit) == ("last program", 700.0)
    assert [step.name for step in plan].index("unmount") < len(plan) - 1


def test_forced_it_is_sync_alone() -> None:
    assert [step.name for step in plan_end(Settings(), LAST, forced=True)] == ["sync"]


def test_a_step_that_fails_does_not_keep_the_power_on(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[object] = []

    def run_bounded(action: Any, limit: float, tick: Any) -> bool:
        tick()
        seen.append(limit)
        if limit == 2:
            raise OSError("no more processes")
        return False

    steps = (Step("one", partial(seen.append, "never"), 1.0), Step("two", partial(seen.append, "never"), 2.0))
    monkeypatch.setattr(shutdown, "plan_end", lambda settings, last, *, forced: steps)
    monkeypatch.setattr(shutdown, "run_bounded", run_bounded)
    monkeypatch.setattr(shutdown, "pet", lambda watchdog: seen.append(f"pet {watchdog}"))
    monkeypatch.setattr(shutdown, "power", lambda action, argument: seen.append((action, argument)))
    world: Any = World(drains=False)
    way_down = Shutdown(world, PowerAction.REBOOT, argument="0 tryboot")
    shutdown.end(way_down, Log(2, plain=True), Settings(watchdog=9))
    assert seen == ["pet 9", 1.0, "pet 9", 2.0, (PowerAction.REBOOT, "0 tryboot")]
    text = capfd.readouterr().err
    assert 'shutdown: step step=one limit=1.0 then="go on"' in text
    assert "step failed or was given up step=two limit=2.0" in text


def test_forcing_ends_the_loop_at_once() -> None:
    world = World(drains=True)
    way_down = begin(world)
    way_down.argument = "0 tryboot"
    assert world.loop.running
    way_down.force(PowerAction.POWEROFF)
    assert (way_down.forced, way_down.action, world.loop.running) == (True, PowerAction.POWEROFF, False)
    assert way_down.argument == "", "what is forced tries nothing"
    assert world.stopped == 0
