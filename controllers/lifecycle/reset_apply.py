"""A reset: `ResetRequest` → plan → drain → leave etcd → PID 1, which stops everything and runs the program that destroys.

`reconcile` only looks and shows; `run` acts, because a drain takes minutes and is to be watched. Everything has a limit: pods
that do not go and an API that does not answer are noted and passed over, for a reset has to end. Only an etcd that will not let
its member go ends it, before anything was destroyed. What happens after PID 1 was told is seen on the console.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from controllers.etcd.client import EtcdClient, Member, make_client
from controllers.etcd.lock import release_through
from controllers.etcd.quorum import has_left
from controllers.etcd.status import MakeClient
from controllers.lifecycle.drain import DrainApi, drain, uncordon
from controllers.lifecycle.scene import find_api
from controllers.machine.console import write_console
from controllers.ports import Ports
from controllers.resources.block import DiscoveredVolume, Disk
from controllers.resources.kubernetes import EtcdStatus, Nodename, NodeStatus
from controllers.resources.machine import VersionInfo
from controllers.resources.pki import Certificate, CertificateRoot
from controllers.resources.reset import RESET, AfterReset, ResetPhase, ResetRequest, ResetStatus
from controllers.runtime.clock import within
from controllers.runtime.controller import Controller, Input, Output, View, Wanted
from controllers.runtime.errors import OperationError, RuntimeFault

if TYPE_CHECKING:
    from controllers.block.wipe_plan import WipePlan

_log = logging.getLogger("reset")

DRAIN_SECONDS, LEAVE_SECONDS, SPARE_SECONDS = 120.0, 30.0, 30.0
"""Limits of a drain, of leaving etcd, and what the last program gets beyond its own; before patience."""


class PowerPort(Protocol):
    """What is needed of PID 1."""

    def power(self, action: str, last: Sequence[str] = (), limit: float = 0.0) -> Awaitable[None]:
        """Begin the shutdown that runs `last` at its end and then does `action`."""
        ...


class EtcdMember(NamedTuple):
    """This node's member, which is healthy, and how to reach it."""

    id: str
    root: CertificateRoot
    leaf: Certificate


class Scene(NamedTuple):
    """What a reset sees of the machine in one look."""

    request: ResetRequest
    disks: dict[str, Disk]
    volumes: tuple[DiscoveredVolume, ...]
    node: str
    api: DrainApi | None
    member: EtcdMember | None


class ResetController(Controller):
    """`ResetRequest`, disks, etcd, Kubernetes → `ResetStatus`, and the end of this node as it is."""

    name = "lifecycle.ResetController"
    inputs = (
        Input(ResetRequest, id=RESET),
        Input(Disk),
        Input(DiscoveredVolume),
        Input(Nodename, id="nodename"),
        Input(NodeStatus),
        Input(VersionInfo, id="version"),
        Input(EtcdStatus, id="etcd"),
        Input(Certificate, id="admin"),
        Input(Certificate, id="etcd-client"),
        Input(CertificateRoot, id="kubernetes"),
        Input(CertificateRoot, id="etcd"),
    )
    outputs = (Output(ResetStatus),)

    def __init__(self, ports: Ports, supervisor: PowerPort, client: MakeClient = make_client) -> None:
        self._ports = ports
        self._patience = ports.patience
        self._run = Run(ports, supervisor, client, lambda: self._wake())
        self._wake: Callable[[], None] = lambda: None
        self._scene: Scene | None = None
        self._asked = asyncio.Event()
        self._taken = ""

    def reconcile(self, view: View) -> Iterable[Wanted]:
        """Keep what is seen, show how far it is."""
        if view.find(ResetRequest, RESET) is None:
            return ()
        self._scene = gather(view, self._patience)
        self._asked.set()
        return [Wanted(RESET, self._run.status)] if self._run.status else ()

    async def run(self, wake: Callable[[], None]) -> None:
        """Carry out every request once; a second one is made only after the first has failed."""
        self._wake = wake
        while True:
            await self._asked.wait()
            self._asked.clear()
            scene = self._scene
            if scene is not None and scene.request.request != self._taken:
                self._taken = scene.request.request
                await self._run.carry_out(scene)


def gather(view: View, patience: float) -> Scene:
    """Return what the resources say; there is a request."""
    nodename, status = view.find(Nodename, "nodename"), view.find(EtcdStatus, "etcd")
    root, leaf = view.find(CertificateRoot, "etcd"), view.find(Certificate, "etcd-client")
    member = None
    if status is not None and status.spec.healthy and root is not None and leaf is not None:
        member = EtcdMember(status.spec.member_id, root.spec, leaf.spec)
    name = nodename.spec.nodename if nodename else ""
    return Scene(
        request=view.get(ResetRequest, RESET).spec,
        disks={one.id: one.spec for one in view.list(Disk)},
        volumes=tuple(one.spec for one in view.list(DiscoveredVolume)),
        node=name,
        api=find_api(view, name, patience),
        member=member,
    )


@dataclass
class Run:
    """One reset. `changed` is called when its status is another one."""

    ports: Ports
    supervisor: PowerPort
    client: MakeClient
    changed: Callable[[], None]
    status: ResetStatus | None = None
    skipped: list[str] = field(default_factory=list)

    async def carry_out(self, scene: Scene) -> None:
        """Do every step, in order; ends with a shutdown that began, or with the phase `failed`."""
        from controllers.lifecycle.reset_plan import destroys, plan_reset  # here: hardly a boot ever needs it

        self.status, self.skipped = ResetStatus(phase=ResetPhase.PLANNED, request=scene.request.request), []
        try:
            plan = plan_reset(scene.request, scene.disks, scene.volumes, self.ports.patience)
            self.status = msgspec.structs.replace(self.status, steps=tuple(step.describe() for step in plan.steps))
            await self._say("what will be destroyed is clear")
            if scene.request.graceful:
                await self._drain(scene)
                if destroys(scene.request, "EPHEMERAL"):
                    await self._leave(scene)
            await self._stop(scene, plan)
        except (RuntimeFault, OSError, TimeoutError) as error:
            await self._fail(scene, error)

    async def _drain(self, scene: Scene) -> None:
        """Move the pods away, as far as they go."""
        await self._begin(ResetPhase.DRAINING, "drain the node")
        if scene.api is None or not scene.node:
            self.skipped.append("drain: Kubernetes was never reached from this node")
            return
        limit = DRAIN_SECONDS * self.ports.patience
        work = drain(scene.api, scene.node, limit, self.ports.clock, lambda text, _: self._show(text))
        try:
            left = await within(self.ports.clock, limit + SPARE_SECONDS * self.ports.patience, work, "the drain")
        except (RuntimeFault, TimeoutError) as error:
            left = (str(error),)
        if left:
            self.skipped.append(f"drain: {len(left)} did not go: {'; '.join(left[:3])}")

    async def _leave(self, scene: Scene) -> None:
        """Leave etcd, since this member's data is about to go; the only member has nobody to leave. Raises `RuntimeFault`."""
        if scene.member is None:
            return
        await self._begin(ResetPhase.LEAVING, "leave etcd")
        member, limit = scene.member, LEAVE_SECONDS * self.ports.patience
        client = self.client(member.root, member.leaf, limit / 3)
        try:
            found = await within(self.ports.clock, limit, client.members(), "asking etcd for its members")
            if len(found) < 2:
                return
            others = [one for one in found if one.id != member.id]
            await self._remove(member, client, others, limit)
        except (RuntimeFault, TimeoutError) as error:
            hint = "nothing was destroyed; --no-graceful does not ask etcd"
            raise OperationError("failed_precondition", f"etcd does not let this member go: {error}", hint) from None
        with contextlib.suppress(TimeoutError):  # its own etcd is out of the cluster; if no other is told, the lease ends it
            release = release_through(self._reach(member, others, limit), member.id)
            await within(self.ports.clock, limit, release, "releasing etcd's lock of absences")

    async def _remove(self, member: EtcdMember, client: EtcdClient, others: list[Member], limit: float) -> None:
        """Leave. A member that was removed stops, often before it has answered; then the others know. Raises as `within`."""
        try:
            await within(self.ports.clock, limit, client.remove(member.id), "leaving etcd")
        except (RuntimeFault, TimeoutError):
            asked = has_left(self._reach(member, others, limit), member.id)
            if not await within(self.ports.clock, limit, asked, "asking etcd whether this member has left"):
                raise

    def _reach(self, member: EtcdMember, others: list[Member], limit: float) -> Iterator[EtcdClient]:
        """Return clients of other members, at each address."""
        return (self.client(member.root, member.leaf, limit / 3, url=url) for one in others for url in one.client_urls)

    async def _stop(self, scene: Scene, plan: WipePlan) -> None:
        """Hand the plan to PID 1. Raises `OSError`, `ControlError`."""
        from controllers.block import wipe_main
        from controllers.block.wipe_plan import render_plan

        await self._begin(ResetPhase.STOPPING, "stop every service; the console shows what is destroyed")
        path = self.ports.paths.run / "reset.json"
        await asyncio.to_thread(_write, path, render_plan(plan))
        action = "poweroff" if scene.request.then is AfterReset.POWEROFF else "reboot"
        last = (sys.executable, "-I", "-S", str(Path(wipe_main.__file__)), str(path))
        await self.supervisor.power(action, last, plan.limit + SPARE_SECONDS * self.ports.patience)

    async def _fail(self, scene: Scene, error: Exception) -> None:
        """Say why nothing was destroyed, and let pods come back."""
        assert self.status is not None
        if scene.request.graceful and scene.api is not None and scene.node:
            try:
                await within(self.ports.clock, LEAVE_SECONDS * self.ports.patience, uncordon(scene.api, scene.node), "uncordon")
            except (RuntimeFault, TimeoutError) as trouble:
                self.skipped.append(f"uncordon: {trouble}")
        self.status = msgspec.structs.replace(self.status, phase=ResetPhase.FAILED, error=str(error))
        await self._say(f"failed: {error}")

    async def _begin(self, phase: ResetPhase, step: str) -> None:
        assert self.status is not None
        self.status = msgspec.structs.replace(self.status, phase=phase)
        await self._say(step)

    async def _say(self, step: str) -> None:
        """Show what is done now, on the console too."""
        _log.info("reset", extra={"step": step})
        namespaces = self.ports.cmdline.get("ophite.platform") == "namespaces"
        console = self.ports.paths.proc / "1/fd/2" if namespaces else self.ports.paths.dev / "console"
        await asyncio.to_thread(write_console, console, f"reset: {step}\r\n")
        self._show(step)

    def _show(self, step: str) -> None:
        assert self.status is not None
        self.status = msgspec.structs.replace(self.status, step=step, skipped=tuple(self.skipped))
        self.changed()


def _write(path: Path, text: str) -> None:
    """Write a file that only root may read. Raises `OSError`."""
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
