"""Which drives are asked, when, and what becomes of a failure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from controllers.hardware.drive_health_status import PATIENT, POLL, DriveHealthStatusController
from controllers.machine.programs import Output, ProgramError
from controllers.ports import Paths, Ports
from controllers.resources.block import Disk
from controllers.resources.hardware import DriveHealth
from controllers.resources.machine import MachineStage, Stage
from controllers.runtime.controller import make_view
from controllers.runtime.resource import Resource, new
from tests.harness.clock import FakeClock
from tests.unit.hardware.fake_sysfs import make

WELL = '{"smart_status": {"passed": true}}'
SLEEPS = '{"smartctl": {"messages": [{"string": "Device is in STANDBY mode, exit(2)"}]}}'


class Machine:
    """Drives and a smartctl."""

    def __init__(self, root: Path) -> None:
        self.root = make(root, {"usr/bin/smartctl": ""})
        self.answers: dict[str, str | ProgramError] = {}
        self.asked: list[str] = []
        self.stage = Stage.RUNNING
        ports = Ports(clock=FakeClock(now=0.0), paths=Paths(root))
        self.controller = DriveHealthStatusController(ports, self.run)

    async def run(self, argv: Sequence[str], limit: float) -> Output:
        assert argv[0] == str(self.root / "usr/bin/smartctl")
        assert "--nocheck=standby" in argv
        self.asked.append(argv[-1])
        answer = self.answers.get(argv[-1], WELL)
        if isinstance(answer, ProgramError):
            raise answer
        return Output(answer)

    async def look(self, now: float, **transports: str) -> dict[str, Any]:
        disks: list[Resource[Any]] = [
            new(name, Disk(path=f"/dev/{name}", size=1, transport=transport)) for name, transport in transports.items()
        ]
        view = make_view(self.controller, [*disks, new("machine", MachineStage(stage=self.stage))], [], now)
        wanted = await self.controller.reconcile(view)
        self.wake = view.wake_seconds
        return {one.id: one.spec for one in wanted}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def test_real_drives_are_asked_once_an_hour(machine: Machine) -> None:
    disks = {"sda": "ata", "nvme0n1": "nvme", "vda": "virtio", "mmcblk0": "mmc"}
    assert await machine.look(10.0, **disks) == {name: DriveHealth(passed=True) for name in ("sda", "nvme0n1")}
    assert machine.asked == ["/dev/nvme0n1", "/dev/sda"]
    assert machine.wake == POLL
    assert set(await machine.look(20.0, **disks)) == {"sda", "nvme0n1"}
    assert len(machine.asked) == 2
    await machine.look(10.0 + POLL, **disks)
    assert len(machine.asked) == 4


async def test_a_drive_that_sleeps_keeps_what_it_said(machine: Machine) -> None:
    await machine.look(10.0, sda="ata")
    machine.answers["/dev/sda"] = SLEEPS
    assert await machine.look(10.0 + POLL, sda="ata") == {"sda": DriveHealth(passed=True)}
    assert await machine.look(20.0 + POLL) == {}, "pulled out"


async def test_a_status_that_is_not_0_may_be_an_answer(machine: Machine) -> None:
    machine.answers["/dev/sda"] = ProgramError(["smartctl"], "ended with status 8", '{"smart_status": {"passed": false}}')
    machine.answers["/dev/sdb"] = ProgramError(["smartctl"], "did not end within 20 s")
    machine.answers["/dev/sdc"] = "{rubbish"
    found = await machine.look(10.0, sda="ata", sdb="ata", sdc="scsi")
    assert found["sda"] == DriveHealth(passed=False)
    assert found["sdb"] == DriveHealth(error="smartctl: did not end within 20 s")
    assert found["sdc"].error.startswith("smartctl: not JSON")


async def test_a_stick_that_cannot_answer_is_no_news(machine: Machine) -> None:
    machine.answers["/dev/sda"] = ProgramError(
        ["smartctl"], "ended with status 1", '{"smartctl": {"messages": [{"string": "/dev/sda: Unknown USB bridge"}]}}'
    )
    assert await machine.look(10.0, sda="usb", sdb="usb") == {"sdb": DriveHealth(passed=True)}


async def test_not_while_the_machine_boots_but_not_never(machine: Machine) -> None:
    machine.stage = Stage.STARTING
    assert await machine.look(10.0, sda="ata") == {}
    assert (machine.asked, machine.wake) == ([], PATIENT - 10.0)
    assert set(await machine.look(PATIENT, sda="ata")) == {"sda"}, "a boot that hangs is when somebody wants to know"


async def test_without_smartctl_an_emmc_still_says_something(machine: Machine) -> None:
    (machine.root / "usr/bin/smartctl").unlink()
    make(machine.root, {"sys/class/block/mmcblk0/device/life_time": "0x01 0x02"})
    assert await machine.look(10.0, sda="ata", mmcblk0="mmc") == {"mmcblk0": DriveHealth(wear=20)}


async def test_in_namespaces_they_are_the_hosts(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    ports = Ports(paths=Paths(tmp_path), cmdline={"ophite.platform": "namespaces"})
    machine.controller = DriveHealthStatusController(ports, machine.run)
    assert await machine.look(10.0, sda="ata") == {}
