"""When PID 1 cannot go on: what is tried, in which order, and that the reboot needs none of it."""

import json
from typing import Any, NoReturn

import pytest

from init import __main__, emergency, shutdown
from init.linux import meta
from init.linux.cmdline import parse_cmdline
from init.linux.kmsg import Log
from init.linux.meta import Meta
from init.linux.power import PowerAction
from init.shutdown import Step

LOG = Log(2, plain=True)
ON_DISK = parse_cmdline(f"ophite.root=verity ophite.verity={'ab' * 32}::4 ophite.patience=2")


class Ended(Exception):
    """reboot(2) was called."""


class Machine:
    """Time, steps, watchdog and power."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done, self.slept, self.fed = list[str](), 0, 0
        monkeypatch.setattr("time.sleep", self.sleep)
        monkeypatch.setattr(emergency, "power", self.power)
        monkeypatch.setattr(emergency, "pet", self.pet)
        monkeypatch.setattr(shutdown, "run_plan", self.run_plan)
        monkeypatch.setattr(meta, "find_meta_partition", lambda guid: f"/dev/{guid[:8]}")
        monkeypatch.setattr(meta, "read_meta", lambda path: Meta(3, {"user.a": "1", "emergency": "old"}))
        monkeypatch.setattr(meta, "write_meta", self.write)

    def sleep(self, seconds: float) -> None:
        self.slept += 1
        if self.slept > 1000:
            raise Ended

    def pet(self, watchdog: int | None) -> None:
        self.fed += 1

    def power(self, action: PowerAction) -> NoReturn:
        self.done.append(action.value)
        raise Ended

    def write(self, path: str, values: dict[str, str]) -> None:
        assert values.pop("user.a") == "1"
        found = json.loads(values.pop("emergency"))
        assert values == {}
        assert found["at"].endswith("Z")
        self.done.append(f"{path}: {found['reason']}")

    def run_plan(self, steps: tuple[Step, ...], log: Log, watchdog: int | None) -> None:
        for step in steps:
            assert 0 < step.limit <= 60
            self.done.append(step.name)
            if step.name.startswith("write"):
                step.action()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_disks_come_to_rest_the_reason_is_kept_and_the_machine_reboots(
    machine: Machine, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Ended):
        emergency.leave(LOG, ON_DISK, None, MemoryError("x" * 5000))
    assert machine.done[:5] == [
        "end every process",
        "sync",
        "unmount",
        "close encrypted volumes",
        "write the reason to META",
    ]
    assert machine.done[5] == "/dev/abababab: MemoryError: " + "x" * (1000 - 13)
    assert machine.done[6:] == ["reboot"]
    assert (machine.slept, machine.fed) == (30, 30)
    text = capfd.readouterr().err
    assert "PID 1 cannot go on" in text
    assert [f"reboot seconds={left}\n" in text for left in (30, 25, 20, 15, 10, 5)] == [True] * 6


def test_what_fails_on_the_way_stops_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(shutdown, "run_plan", explode)
    with pytest.raises(Ended):
        emergency.leave(LOG, ON_DISK, None, ValueError("bug"))
    assert machine.done == ["reboot"]


def test_panic_0_holds_and_feeds_the_watchdog(machine: Machine) -> None:
    with pytest.raises(Ended):
        emergency.leave(LOG, parse_cmdline("panic=0"), 5, ValueError("bug"))
    assert "reboot" not in machine.done
    assert machine.fed > 1000


def test_in_namespaces_the_disks_are_the_hosts(machine: Machine) -> None:
    with pytest.raises(Ended):
        emergency.leave(LOG, parse_cmdline("ophite.platform=namespaces"), None, ValueError("bug"))
    assert machine.done == ["end every process", "write the reason to META", "reboot"]


@pytest.mark.parametrize("error", [ValueError("bug"), SystemExit(1), None])
def test_whatever_ends_stage_2_leads_here(monkeypatch: pytest.MonkeyPatch, error: BaseException | None) -> None:
    from init import boot

    seen: list[Any] = []

    def run(*_: object) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(boot, "run", run)
    monkeypatch.setattr(__main__, "leave", lambda log, cmdline, watchdog, error: seen.append(error))
    monkeypatch.setattr("os.open", lambda *_: 3)
    monkeypatch.setattr(__main__, "open_log", lambda *, plain: LOG)
    __main__.main()
    assert len(seen) == 1
    assert seen[0] is error or str(seen[0]) == "the kernel refuses to reboot"
