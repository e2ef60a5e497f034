"""Stage 1: the table, what is said when no root is found, and a root that does not match its hash."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from init import emergency, initramfs
from init.initramfs import DEGRADE, FATAL, STEPS, RootError, Stage1, Step, run
from init.linux.cmdline import parse_cmdline
from init.linux.power import PowerAction

HASH = "ab" * 32


class Ended(Exception):
    """reboot(2) was called."""


class Machine:
    """Time, watchdog and power of a machine without a root."""

    def __init__(self) -> None:
        self.now, self.slept, self.actions = 0.0, 0.0, list[PowerAction]()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds
        if self.slept > 1000:
            raise Ended

    def power(self, action: PowerAction) -> None:
        self.actions.append(action)
        raise Ended


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(initramfs, "time", machine)
    monkeypatch.setattr(emergency, "time", machine)
    monkeypatch.setattr(emergency, "power", machine.power)
    return machine


def fail(stage: Stage1) -> None:
    raise RootError("vda: no GPT")


def test_the_steps_say_what_their_failure_means() -> None:
    assert [step.name for step in STEPS][-3:] == ["find the root", "mount the root", "switch root"]
    assert {step.name for step in STEPS if step.on_failure == FATAL} == {
        "command line",
        "find the root",
        "mount the root",
        "switch root",
    }
    assert {step.on_failure for step in STEPS} == {DEGRADE, FATAL}


def test_a_degraded_step_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    def name(stage: Stage1) -> None:
        stage.device = "/dev/x"

    assert run((Step("log", fail, DEGRADE), Step("root", name, FATAL))).device == "/dev/x"
    assert 'step failed step=log then=degrade error="vda: no GPT"' in capfd.readouterr().err


def test_a_fatal_step_says_why_and_reboots_after_30_s(machine: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Ended):
        run((Step("find the root", fail, FATAL),))
    assert machine.actions == [PowerAction.REBOOT]
    assert 30 <= machine.slept <= 31
    text = capfd.readouterr().err
    assert 'step="find the root" then=fatal error="vda: no GPT"' in text
    assert 'PID 1 cannot go on reason="find the root: vda: no GPT" then=reboot' in text
    assert "reboot seconds=30" in text
    assert "reboot seconds=5" in text


def test_panic_0_holds(machine: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    def read(stage: Stage1) -> None:
        stage.cmdline = parse_cmdline("panic=0")

    with pytest.raises(Ended):
        run((Step("command line", read, FATAL), Step("root", fail, FATAL)))
    assert machine.actions == []
    assert machine.slept > 1000
    text = capfd.readouterr().err
    assert "then=hold" in text
    assert "seconds=" not in text


def test_waiting_for_the_root_has_a_limit_and_names_what_was_tried(machine: Machine) -> None:
    tried = ["sda: 3 GPT partitions, none with this id"]
    with pytest.raises(RootError) as caught:
        initramfs.wait_for(Stage1(), lambda: (None, tried), "partition 7 for root hash 8")
    assert 15 <= machine.slept <= 16
    assert str(caught.value) == "no partition 7 for root hash 8 within 15 s; sda: 3 GPT partitions, none with this id"


def test_a_watchdog_of_a_few_seconds_is_fed_while_a_slow_disk_is_waited_for(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed: list[float] = []
    monkeypatch.setattr(initramfs, "pet", lambda watchdog: fed.append(machine.now))
    stage = Stage1()
    stage.cmdline = parse_cmdline("ophite.patience=4")
    with pytest.raises(RootError, match="within 60 s"):
        initramfs.wait_for(stage, lambda: (None, []), "disk")
    assert max(later - earlier for earlier, later in pairwise(fed)) < 1


@pytest.mark.parametrize(("text", "what"), [("", "ophite.root"), ("ophite.root=verity", "ophite.verity")])
def test_a_command_line_without_a_root(text: str, what: str) -> None:
    stage = Stage1()
    stage.cmdline = parse_cmdline(text)
    with pytest.raises(RootError, match=what):
        initramfs.find_root(stage)


def stage_of(text: str) -> Stage1:
    stage = Stage1()
    stage.cmdline = parse_cmdline(text)
    return stage


class Devices:
    """Loop, device-mapper and mounts of a machine that has a medium."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done = list[str]()
        self.fed = 0
        monkeypatch.setattr(initramfs, "MEDIUM", str(root / "medium"))
        monkeypatch.setattr(initramfs, "ROOT_FILE", "/root.erofs")
        monkeypatch.setattr(initramfs, "find_medium", lambda label: (f"/dev/{label}", []))
        monkeypatch.setattr(initramfs, "find_partition", lambda guid: (f"/dev/{guid[:4]}", []))
        monkeypatch.setattr(initramfs, "mount", lambda node, target, kind, flags: self.done.append(f"mount {node} {kind}"))
        monkeypatch.setattr(initramfs, "umount", lambda target: self.done.append("umount"))
        monkeypatch.setattr("init.linux.loop.attach", self.attach)
        monkeypatch.setattr("init.linux.dm.open_verity", lambda name, node, verity: f"verity {node} {verity.root_hash[:2]}")
        monkeypatch.setattr(initramfs, "pet", self.pet)

    def pet(self, watchdog: int | None) -> None:
        self.fed += 1

    def attach(self, path: str) -> str:
        self.done.append(f"loop {path}")
        return "/dev/loop0"


@pytest.mark.parametrize(
    ("text", "device", "done"),
    [
        (f"ophite.root=verity ophite.verity={HASH}::4", "verity /dev/abab ab", []),
        (f"ophite.root=initramfs ophite.verity={HASH}::4", "verity /dev/loop0 ab", ["loop /root.erofs"]),
        ("ophite.root=initramfs", "/dev/loop0", ["loop /root.erofs"]),
        (
            f"ophite.root=iso ophite.medium=X ophite.verity={HASH}::4",
            "verity /dev/loop0 ab",
            ["copy /dev/X", "loop /root.erofs"],
        ),
    ],
)
def test_the_kinds_of_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, device: str, done: list[str]) -> None:
    devices = Devices(tmp_path, monkeypatch)
    monkeypatch.setattr(initramfs, "copy_from_medium", lambda stage, node: devices.done.append(f"copy {node}"))
    stage = stage_of(text)
    initramfs.find_root(stage)
    assert stage.device == device
    assert devices.done == done


def test_the_copy_shows_every_tenth_and_feeds_the_watchdog_as_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    devices, target = Devices(tmp_path, monkeypatch), tmp_path / "copy"
    monkeypatch.setattr(initramfs, "MEDIUM", "")
    monkeypatch.setattr(initramfs, "ROOT_FILE", str(tmp_path / "root.erofs"))
    monkeypatch.setattr(initramfs, "PIECE", 1000)
    data = bytes(range(256)) * 100
    (tmp_path / "root.erofs").write_bytes(data)

    def open_(path: str, mode: str, **_: object) -> Any:
        return (target if mode == "wb" else Path(path)).open(mode)

    monkeypatch.setattr(initramfs, "open", open_, raising=False)
    monkeypatch.setattr("os.makedirs", lambda *_, **__: None)
    initramfs.copy_from_medium(Stage1(), "/dev/sr0")
    assert target.read_bytes() == data
    assert devices.done == ["mount /dev/sr0 iso9660", "umount"]
    assert devices.fed == 26
    text = capfd.readouterr().err
    assert [f"percent={percent} " in text for percent in range(0, 101, 10)] == [False, *[True] * 10]


def test_a_medium_that_goes_away_while_it_is_read_is_unmounted_and_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = Devices(tmp_path, monkeypatch)
    with pytest.raises(FileNotFoundError):
        initramfs.copy_from_medium(Stage1(), "/dev/sr0")
    assert devices.done == ["mount /dev/sr0 iso9660", "umount"]


def test_the_watchdog_is_opened_as_soon_as_there_is_one_and_is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [step.name for step in STEPS]
    assert names.index("watchdog") < names.index("modules of the root") < names.index("watchdog of a module")
    assert names.index("watchdog of a module") < names.index("find the root")
    asked: list[int] = []
    answers: list[int | None] = [None, 7]

    def open_watchdog(timeout: int) -> int | None:
        asked.append(timeout)
        return answers.pop(0)

    monkeypatch.setattr(initramfs, "open_watchdog", open_watchdog)
    stage = stage_of("ophite.patience=20")  # 1,200 s without the limit
    for _ in range(3):
        initramfs.start_watchdog(stage)
    assert stage.watchdog == 7
    assert asked == [300, 300]
