"""The installation of a node that runs from memory: `InstallConfig` and an active configuration → a disk → reboot.

`reconcile` works out what is wanted and shows how it goes; the work itself is a job of minutes in `run`, one at a time. Each
order is tried once: a failure leaves the node up with the reason, until the configuration changes or somebody asks again
(`InstallRequest`). A disk that is not there yet is no failure of an order: it is looked for whenever the disks change.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from controllers.block.disk_select import SelectorError, find_one, list_disks
from controllers.block.volume_config import STATE_SIZE
from controllers.config.acquire import RUN_SOURCE, STATE_SOURCE
from controllers.config.documents.install_config import InstallConfig
from controllers.config.documents.volume_config import VolumeConfig
from controllers.install.errors import InstallError
from controllers.install.order import CONFIG, Done, Order, Outcome
from controllers.install.progress import Progress
from controllers.install.travel import add_network, needs_link
from controllers.machine.console import write_console
from controllers.machine.identity import render_identity
from controllers.network.link_names import first_physical
from controllers.ports import Ports
from controllers.resources.block import Disk
from controllers.resources.hardware import SystemInformation
from controllers.resources.install import InstallPhase, InstallRequest, InstallStatus
from controllers.resources.machine import ConfigStatus, MachineConfiguration, NodeIdentity, PowerRequest
from controllers.resources.network import LinkStatus
from controllers.runtime.controller import SHARED, Controller, Input, Output, View, Wanted
from controllers.runtime.errors import RuntimeFault
from controllers.runtime.text import make_printable

if TYPE_CHECKING:
    from controllers.install.ports import InstallPort, MediumPort

Tools = tuple["InstallPort", "MediumPort"]
log = logging.getLogger("install")

IDENTITY = "identity.json"
KEPT = frozenset({STATE_SOURCE, RUN_SOURCE})
"""Sources of a configuration that was in force before this boot, or before this life of the brain. Its `wipe` was meant for
the installation back then: a medium that is left in the machine must not wipe the node that it installed.
"""
RUNS_FROM_DISK = "this node runs from its disk; `ophite upgrade` changes its version, `ophite reset` frees the disk"


class InstallApplyController(Controller):
    """`InstallConfig` or `InstallRequest`, configuration, disks → an installed disk, `InstallStatus`, `PowerRequest`."""

    name = "install.InstallApplyController"
    inputs = (
        Input(InstallConfig),
        Input(InstallRequest, id="install"),
        Input(ConfigStatus, id="config"),
        Input(MachineConfiguration, id="persistent"),
        Input(NodeIdentity, id="node"),
        Input(Disk),
        Input(LinkStatus),
        Input(VolumeConfig),
        Input(SystemInformation, id="system"),
        Input(PowerRequest, id="power"),
    )
    outputs = (Output(InstallStatus), Output(PowerRequest, kind=SHARED))

    def __init__(self, ports: Ports, make_tools: Callable[[Ports], Tools]) -> None:
        """In: `make_tools`, called once an installation begins: what does it is not imported before."""
        self._ports = ports
        self._make_tools = make_tools
        self._order: Order | None = None
        self._started = asyncio.Event()
        self._wake: Callable[[], None] = lambda: None
        self._progress = Progress(ports.clock, self._wake)
        self._status = InstallStatus(phase=InstallPhase.WAITING)

    async def reconcile(self, view: View) -> Iterable[Wanted]:
        if self._ports.cmdline.get("ophite.platform") == "namespaces":
            return []
        if self._status.phase not in (InstallPhase.RUNNING, InstallPhase.INSTALLED):
            asked = view.find(InstallRequest, "install")
            status = await self._decide(view, asked.spec if asked else None)
            self._status = msgspec.structs.replace(status, requested=asked.spec.requested if asked else 0.0)
        wanted = [Wanted("install", self._show())]
        if self._status.phase is InstallPhase.INSTALLED and self._may_reboot(view):
            wanted.append(Wanted("power", PowerRequest(action="reboot", reason=f"installed on {self._status.disk}")))
        return wanted

    async def run(self, wake: Callable[[], None]) -> None:
        """Carry out one order after the other."""
        loop = asyncio.get_running_loop()

        def wake_from_thread() -> None:
            loop.call_soon_threadsafe(wake)

        self._wake = wake_from_thread
        while True:
            await self._started.wait()
            self._started.clear()
            if self._order is not None:
                await self._work(self._order)

    def _may_reboot(self, view: View) -> bool:
        """Whether nobody else has asked for power already."""
        return view.find(PowerRequest, "power") is None or bool(view.own(PowerRequest))

    async def _decide(self, view: View, request: InstallRequest | None) -> InstallStatus:
        """Return what there is to say, after starting an order if there is a new one."""
        found = next(iter(view.list(InstallConfig)), None)
        document = found.spec if found else None
        if self._ports.cmdline.get("ophite.root") == "verity":
            return InstallStatus(phase=InstallPhase.IGNORED, message=RUNS_FROM_DISK)
        if document is None and request is None:
            return InstallStatus(phase=InstallPhase.IGNORED, message="the configuration has no InstallConfig")
        config = view.find(ConfigStatus, "config")
        kept = view.find(MachineConfiguration, "persistent")
        if config is None or not config.spec.complete or kept is None:
            return InstallStatus(phase=InstallPhase.WAITING, message="waits for a complete configuration")
        if view.find(NodeIdentity, "node") is None:
            return InstallStatus(phase=InstallPhase.WAITING, message="waits for the disks and the node's identity")
        first = first_physical([one.spec for one in view.list(LinkStatus)])
        if first is None and needs_link(self._ports.cmdline):
            return InstallStatus(phase=InstallPhase.WAITING, message="waits for the network link that `ip=` is for")
        try:
            disk = choose_disk([one.spec for one in view.list(Disk)], document, request)
        except InstallError as error:
            self._order = None
            return InstallStatus(phase=InstallPhase.FAILED, message=_explain(error))
        order = await self._make_order(view, disk, document, request or InstallRequest())
        if order == self._order:
            return self._status
        self._order = order
        self._started.set()
        return InstallStatus(phase=InstallPhase.RUNNING, disk=disk.path, message="")

    async def _make_order(self, view: View, disk: Disk, document: InstallConfig | None, request: InstallRequest) -> Order:
        kept = view.get(MachineConfiguration, "persistent").spec
        told = document is not None and document.wipe
        spared = told and not KEPT.isdisjoint(kept.source.split("+"))
        first = first_physical([one.spec for one in view.list(LinkStatus)])
        name = first.name if first else ""
        whole = await asyncio.to_thread(add_network, kept.yaml, self._ports.cmdline, name)
        identity = render_identity(view.get(NodeIdentity, "node").spec)
        volume = next((one.spec for one in view.list(VolumeConfig) if one.spec.name == "STATE"), VolumeConfig(name="STATE"))
        system = view.find(SystemInformation, "system")
        return Order(
            disk=disk.path,
            size=disk.size,
            sector_size=disk.sector_size,
            wipe=request.wipe or (told and not spared),
            spared=spared,
            image=request.image or self._ports.cmdline.get("ophite.bundle", ""),
            words=document.extra_kernel_args if document else (),
            requested=request.requested,
            state={CONFIG: whole.encode(), IDENTITY: identity},
            state_size=max(STATE_SIZE, volume.min_bytes),
            encryption=volume.encryption,
            system=system.spec if system else SystemInformation(),
        )

    async def _work(self, order: Order) -> None:
        """Carry out one order; the status says how it ended."""
        self._progress = Progress(self._ports.clock, self._wake, self._announce)
        text = "the installer broke; its log says why"
        ended = InstallStatus(phase=InstallPhase.FAILED, disk=order.disk, message=text, requested=order.requested)
        try:
            port, medium = await asyncio.to_thread(self._make_tools, self._ports)
            done = await self._install(order, port, medium)
            text = f"Ophite {done.version} is installed on {order.disk}"
            if done.outcome is Outcome.INSTALLED:
                end = InstallPhase.INSTALLED
                text += "; the node reboots: remove the medium, or let the machine start from the disk first"
            else:
                end = InstallPhase.ALREADY_INSTALLED
                text += " already, with this configuration; remove the medium and run `ophite reboot`"
            self._progress.end(text)
            self._announce(text)
            ended = msgspec.structs.replace(ended, phase=end, version=done.version, message=text)
        except RuntimeFault as error:
            text = _explain(error)
            log.warning("installation failed", extra={"disk": order.disk, "reason": text})
            self._announce(f"the installation failed: {text}")
            ended = msgspec.structs.replace(ended, step=self._progress.text, message=text)
        finally:
            self._status = ended
            self._wake()

    async def _install(self, order: Order, port: InstallPort, medium: MediumPort) -> Done:
        from controllers.install.job import install

        return await install(order, port, medium, self._progress)

    def _show(self) -> InstallStatus:
        """Return the status with what the job says of itself."""
        if self._status.phase is InstallPhase.RUNNING:
            now = self._progress
            return msgspec.structs.replace(self._status, step=now.text, progress=now.percent, rate=now.rate)
        return self._status

    def _announce(self, text: str) -> None:
        """Say a step in the log and on the console."""
        log.info("install", extra={"step": text})
        write_console(self._ports.paths.dev / "console", f"install: {make_printable(text)}\r\n")


def choose_disk(disks: Iterable[Disk], document: InstallConfig | None, request: InstallRequest | None) -> Disk:
    """Return the one disk that is meant. Raises `InstallError`, all disks listed in it."""
    known = list(disks)
    if request is not None and request.disk:
        disk = next((one for one in known if request.disk in (one.path, *one.links_by_id, *one.links_by_path)), None)
        if disk is None:
            raise InstallError(f"there is no disk {request.disk}; there are: {list_disks(known)}", "choose one of them")
    elif document is None:
        raise InstallError(
            f"no disk was chosen; there are: {list_disks(known)}", "`ophite install --disk PATH`, or InstallConfig"
        )
    else:
        try:
            disk = find_one(known, document.disk)
        except (SelectorError, ValueError) as error:
            raise InstallError(str(error), "make `disk.match` of InstallConfig fit exactly one of them") from error
    if disk.read_only:
        raise InstallError(f"{disk.path} is read-only", "release its write protection, or choose another disk")
    return disk


def _explain(error: RuntimeFault) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message
