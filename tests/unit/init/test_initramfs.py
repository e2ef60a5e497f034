"""Stage 1: the table, what is said when no root is found, and a root that does not match its hash."""

from pathlib import Path

import pytest

from init import initramfs
from init.initramfs import DEGRADE, FATAL, STEPS, RootError, Stage1, Step, run
from init.linux import dm
from init.linux.cmdline import parse_cmdline
from init.linux.dm import BLOCK, Verity
from init.linux.kmsg import Log
from init.linux.power import PowerAction

HASH = "ab" * 32
VERITY = Verity(HASH, "", 4)


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
    monkeypatch.setattr(initramfs, "power", machine.power)
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
    assert "no root can be mounted then=reboot" in text


def test_panic_0_holds(machine: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    def read(stage: Stage1) -> None:
        stage.cmdline = parse_cmdline("panic=0")

    with pytest.raises(Ended):
        run((Step("command line", read, FATAL), Step("root", fail, FATAL)))
    assert machine.actions == []
    assert machine.slept > 1000
    assert "no root can be mounted then=hold" in capfd.readouterr().err


def test_waiting_for_the_partition_has_a_limit_and_names_what_was_tried(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(initramfs, "find_partition", lambda guid: (None, ["sda: 3 GPT partitions, none with this id"]))
    with pytest.raises(RootError) as caught:
        initramfs.wait_for_partition(VERITY, 15)
    assert 15 <= machine.slept <= 16
    text = str(caught.value)
    assert HASH in text
    assert "abababab-abab-abab-abab-abababababab" in text
    assert "sda: 3 GPT partitions" in text


@pytest.mark.parametrize(("text", "what"), [("", "ophite.root"), ("ophite.root=verity", "ophite.verity")])
def test_a_command_line_without_a_root(text: str, what: str) -> None:
    stage = Stage1()
    stage.cmdline = parse_cmdline(text)
    with pytest.raises(RootError, match=what):
        initramfs.find_root(stage)


def test_a_truncated_image_is_refused_with_its_hash(tmp_path: Path) -> None:
    (tmp_path / "vda3").write_bytes(bytes(5 * BLOCK - 1))
    with pytest.raises(RootError) as caught:
        initramfs.open_verity(str(tmp_path / "vda3"), VERITY, Log(2, plain=True))
    assert HASH in str(caught.value)
    assert "truncated: 20479 of 20480 bytes" in str(caught.value)


class Mapper:
    """A device-mapper that fails to read one block."""

    def __init__(self, bad: int | None) -> None:
        self.bad, self.tables, self.removed = bad, list[tuple[str, ...]](), False

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dm, "create", lambda name: "/dev/dm-7")
        monkeypatch.setattr(dm, "load_verity", lambda name, device, verity, *options: self.tables.append(options))
        monkeypatch.setattr(dm, "remove", lambda name: setattr(self, "removed", True))
        monkeypatch.setattr(initramfs, "read_block", self.read)

    def read(self, device: str, block: int) -> bytes:
        if block == self.bad:
            raise OSError(5, "Input/output error")
        return bytes(BLOCK)


@pytest.mark.parametrize("bad", [0, 3])
def test_a_damaged_block_is_named_with_the_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: int) -> None:
    (tmp_path / "vda3").write_bytes(bytes(5 * BLOCK))
    mapper = Mapper(bad)
    mapper.install(monkeypatch)
    with pytest.raises(RootError) as caught:
        initramfs.open_verity(str(tmp_path / "vda3"), VERITY, Log(2, plain=True))
    assert f"root hash {HASH}, but data block {bad} does not match" in str(caught.value)
    assert mapper.removed
    assert mapper.tables == [()]


def test_a_good_root_goes_on_with_panic_on_corruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vda3").write_bytes(bytes(5 * BLOCK))
    mapper = Mapper(None)
    mapper.install(monkeypatch)
    assert initramfs.open_verity(str(tmp_path / "vda3"), VERITY, Log(2, plain=True)) == "/dev/dm-7"
    assert mapper.tables == [(), ("panic_on_corruption",)]


def test_the_initramfs_is_removed_but_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/x").touch()
    (tmp_path / "link").symlink_to("/")
    initramfs.remove_tree(str(tmp_path), tmp_path.stat().st_dev + 1)
    assert (tmp_path / "usr/lib/x").exists()
    initramfs.remove_tree(str(tmp_path), tmp_path.stat().st_dev)
    assert list(tmp_path.iterdir()) == []
