"""How the drives are: `Disk` → smartctl, or sysfs for an eMMC → `DriveHealth`.

Once an hour, one drive after the other, and not while the machine boots. A drive that sleeps is not woken: what it said before
stays. Without smartctl in the image only an eMMC says something. Virtual disks are not asked, and a stick on USB that cannot
answer is no news.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from controllers.hardware.smart import parse_smart, read_emmc
from controllers.hardware.system_info import clean
from controllers.machine import programs
from controllers.machine.programs import ProgramError
from controllers.ports import Ports
from controllers.resources.block import Disk
from controllers.resources.hardware import DriveHealth
from controllers.resources.machine import MachineStage, Stage
from controllers.runtime.controller import Controller, Input, Output, View, Wanted

POLL = 3600.0  # seconds
PATIENT = 300.0  # seconds that a boot may take before the drives are asked all the same
LIMIT = 20.0  # seconds for one drive
ASKED = frozenset({"ata", "scsi", "nvme", "usb"})
ARGUMENTS = ("--json=c", "--info", "--health", "--attributes", "--nocheck=standby")
BUSY = frozenset({Stage.BOOTING, Stage.STARTING})

Run = Callable[[Sequence[str], float], Awaitable[programs.Output]]


class DriveHealthStatusController(Controller):
    """`Disk` → `DriveHealth`."""

    name = "hardware.DriveHealthStatusController"
    inputs = (Input(Disk), Input(MachineStage, id="machine"))
    outputs = (Output(DriveHealth),)
    timeout = 900.0

    def __init__(self, ports: Ports, run: Run = programs.run) -> None:
        self._paths = ports.paths
        self._hosts = ports.cmdline.get("ophite.platform") == "namespaces"
        self._limit = LIMIT * ports.patience
        self._begun = ports.clock.now()
        self._patient = PATIENT * ports.patience
        self._run = run
        self._known: dict[str, DriveHealth] = {}
        self._due: dict[str, float] = {}

    async def reconcile(self, view: View) -> list[Wanted]:
        if self._hosts or not self._may_ask(view):
            return []
        disks = {one.id: one.spec for one in view.list(Disk)}
        self._known = {name: health for name, health in self._known.items() if name in disks}
        self._due = {name: due for name, due in self._due.items() if name in disks}
        for name, disk in disks.items():
            if view.now >= self._due.get(name, 0.0):
                self._due[name] = view.now + POLL
                health = await self._ask(name, disk)
                if health is not None and not (health.error and disk.transport == "usb"):
                    self._known[name] = health
        if self._due:
            view.wake_after(max(min(self._due.values()) - view.now, 1.0))
        return [Wanted(name, health) for name, health in self._known.items()]

    def _may_ask(self, view: View) -> bool:
        """Return whether the boot is over, or takes so long that somebody may want to know."""
        stage = view.find(MachineStage, "machine")
        left = self._begun + self._patient - view.now
        if left > 0 and (stage is None or stage.spec.stage in BUSY):
            view.wake_after(left)
            return False
        return True

    async def _ask(self, name: str, disk: Disk) -> DriveHealth | None:
        """Return what a drive says now; None when it says nothing or sleeps."""
        program = self._paths.bin / "smartctl"
        if disk.transport == "mmc":
            return read_emmc(self._paths.sys / "class/block" / name)
        if disk.transport not in ASKED or not program.exists():
            return None
        try:
            output = (await self._run((str(program), *ARGUMENTS, disk.path), self._limit)).text
        except ProgramError as error:  # its status says what is wrong with the drive too, so it is no failure yet
            output = error.output
            if "{" not in output:
                return DriveHealth(error=clean(str(error)))
        try:
            return parse_smart(output)
        except ValueError as error:
            return DriveHealth(error=f"smartctl: {error}")
